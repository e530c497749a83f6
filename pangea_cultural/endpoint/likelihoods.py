"""Likelihoods of answers, from the log-probabilities that vLLM gives for every token of a prompt."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from pangea_cultural.endpoint.alignment import UNALIGNED, Boundary, logprobs_of, shared_boundary
from pangea_cultural.endpoint.completion import MALFORMED
from pangea_cultural.endpoint.failures import NoLikelihoodsError, NotServedError

PROMPT_LOGPROBS = {"prompt_logprobs": 0, "add_generation_prompt": False, "continue_final_message": True}
"""Fields of a request for the log-probabilities of a prompt that ends with an answer."""


class Likelihood(NamedTuple):
    """The likelihood of an answer under a model."""

    logprob: float
    """Sum over the answer's tokens, natural logarithm."""
    num_tokens: int

    @property
    def mean(self) -> float:
        """The mean log-probability per token, which is comparable between answers of different lengths."""
        return self.logprob / self.num_tokens


class Likelihoods:
    """The likelihoods of answers at an endpoint.

    Args:
        url: the endpoint's, for errors.
        complete: sends the fields of a chat request and returns the completion.
        tokenize: sends the fields of a request for tokens and returns the response.
    """

    def __init__(
        self,
        url: str,
        complete: Callable[[dict[str, Any]], Awaitable[Any]],
        tokenize: Callable[[dict[str, Any]], Awaitable[Any]],
    ) -> None:
        self._url, self._complete, self._tokenize = url, complete, tokenize
        self._tokens: dict[tuple[str, str | None], asyncio.Task[list[int]]] = {}
        self._scores: set[asyncio.Task[Likelihood]] = set()

    async def close(self) -> None:
        """End the requests that still run. After a failure, no caller waits for those that were sent with it."""
        running = [*self._tokens.values(), *self._scores]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def of(self, question: dict[str, Any], choices: Sequence[str]) -> list[Likelihood]:
        """Return the likelihoods of several answers to a question, in their order. All begin at the same token.

        Raises:
            NoLikelihoodsError: the endpoint gives none, or its tokens are not those of the answers.
        """
        asked = [("?", None), ("1", None), *(("?", answer) for answer in choices)]
        header, other, *tokens = await asyncio.gather(*[self._chat_tokens(*chat) for chat in asked])
        boundary = shared_boundary(header, other, tokens)
        if boundary is None:
            raise self._none(UNALIGNED)
        scored = [
            asyncio.create_task(self._score(question, answer, boundary.of(part)))
            for answer, part in zip(choices, tokens, strict=True)
        ]
        self._scores.update(scored)
        try:
            return list(await asyncio.gather(*scored))
        finally:
            self._scores.difference_update(task for task in scored if task.done())

    async def _score(self, question: dict[str, Any], answer: str, boundary: Boundary) -> Likelihood:
        messages = [question, {"role": "assistant", "content": answer}]
        completion = await self._complete({"messages": messages, "max_tokens": 1, "temperature": 0} | PROMPT_LOGPROBS)
        values = logprobs_of(completion.get("prompt_logprobs"), boundary)
        if values is None:
            raise self._none("its log-probabilities of the prompt are missing, or of other tokens")
        return Likelihood(sum(values), len(values))

    async def _chat_tokens(self, asked: str, answer: str | None) -> list[int]:
        """Return the tokens of a chat that ends with an answer, or before it. Concurrent callers share one request.

        The question is a stand-in. How the end of the header and the answer are split does not depend on it, and the
        tokens of the real prompt are compared.
        """
        key = (asked, answer)
        if key not in self._tokens:
            self._tokens[key] = asyncio.create_task(self._ask_tokens(asked, answer))
        return await self._tokens[key]

    async def _ask_tokens(self, asked: str, answer: str | None) -> list[int]:
        reply_follows = [] if answer is None else [{"role": "assistant", "content": answer}]
        fields = {
            "messages": [{"role": "user", "content": asked}, *reply_follows],
            "add_generation_prompt": answer is None,
            "continue_final_message": answer is not None,
        }
        try:
            return [int(token) for token in (await self._tokenize(fields))["tokens"]]
        except (NotServedError, *MALFORMED) as error:
            raise self._none("it does not tell the tokens of a chat") from error

    def _none(self, fact: str) -> NoLikelihoodsError:
        return NoLikelihoodsError(f"{self._url} gives no likelihoods of answers: {fact}. Ask for letters instead.")
