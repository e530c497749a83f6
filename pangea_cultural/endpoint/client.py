"""A client of OpenAI-compatible endpoints, for questions about images."""

import asyncio
import base64
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import openai

from pangea_cultural.endpoint.alignment import UNALIGNED, Boundary, logprobs_of, shared_boundary
from pangea_cultural.endpoint.content import text_of
from pangea_cultural.endpoint.failures import NoAnswerError, NoLikelihoodsError
from pangea_cultural.endpoint.retry_after import retry_after_s
from pangea_cultural.endpoint.usage import Usage
from pangea_cultural.errors import UserError

MAX_IMAGE_BYTES = 20_000_000
MAX_TOKENS = 128
CONCURRENCY = 32
"""Concurrent requests: enough to fill vLLM's batches. More connections only slow the client down."""
RETRIES = 2
"""Further attempts after a failure of the connection or of the server, with pauses of at most some seconds."""
MOST_PAUSES = 20
"""Answers "too many requests" before a request fails."""
LONGEST_PAUSE_S = 60.0
MAX_ANSWER_CHARACTERS = 200_000

Result = TypeVar("Result")


class Likelihood(NamedTuple):
    """The likelihood of an answer under a model."""

    logprob: float
    """Sum over the answer's tokens, natural logarithm."""
    num_tokens: int

    @property
    def mean(self) -> float:
        """The mean log-probability per token, which is comparable between answers of different lengths."""
        return self.logprob / self.num_tokens


class Answer(NamedTuple):
    """The answer to a message."""

    text: str
    ending: str = ""
    """Reason why it is not an ordinary answer: `truncated`, `refused` or `empty`; an empty text for others."""


class _MissingError(UserError):
    """An address that the endpoint does not have."""


class Endpoint:
    """One model at an endpoint.

    Args:
        url: base of the API, ending in /v1.
        api_key: the endpoint's key; None if it needs none.
        model: name of the model; None for the first model of the endpoint.
        timeout_s: seconds for one answer.
    """

    def __init__(
        self, url: str, *, api_key: str | None = None, model: str | None = None, timeout_s: float = 120
    ) -> None:
        self.url = url.rstrip("/")
        self.usage = Usage()
        self._timeout_s = timeout_s
        self._client = openai.AsyncOpenAI(
            base_url=url, api_key=api_key or "none", timeout=timeout_s, max_retries=RETRIES
        )
        self._model = model
        self._tokens: dict[tuple[str, str | None], asyncio.Task[list[int]]] = {}
        self._slots = asyncio.Semaphore(CONCURRENCY)

    @property
    def endpoints(self) -> list["Endpoint"]:
        """This endpoint alone; a pool has several."""
        return [self]

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.close()

    async def model(self) -> str:
        """Return the name of the model."""
        if self._model is None:
            names = await self.models()
            if not names:
                raise UserError(f"The endpoint {self.url} serves no model. Choose another with --endpoint.")
            self._model = names[0]
        return self._model

    async def models(self) -> list[str]:
        """Return the names of all models; none if the endpoint has no list of them."""
        try:
            listed = await self._call(self._client.models.list)
            return [str(model.id) for model in listed.data or []]
        # The library's own code raises it, too, where it is given a page in place of a list.
        except AttributeError as error:
            raise self._no_completion() from error

    async def server_version(self) -> str | None:
        """Return the version of the server, as vLLM tells it; None if the endpoint does not tell it."""
        url = self.url.removesuffix("/v1") + "/version"
        try:
            reply = await self._client.get(url, cast_to=dict[str, Any])
        except openai.OpenAIError:
            return None
        version = reply.get("version") if isinstance(reply, dict) else None
        return version if isinstance(version, str) else None

    async def answer(self, image: Path | bytes | None, text: str, *, max_tokens: int = MAX_TOKENS) -> str:
        """Return the greedy answer to a question, with or without an image."""
        return (await self.reply(question(image, text), max_tokens=max_tokens)).text

    async def reply(self, message: Any, *, max_tokens: int = MAX_TOKENS, system: str = "") -> Answer:
        """Return the greedy answer to a user's message, which may have several images.

        Args:
            message: the user's message.
            max_tokens: longest answer, in tokens.
            system: text of the system's message; empty for none.

        Raises:
            NoAnswerError: the endpoint does not answer this request, or not with a chat completion.
        """
        model = await self.model()
        messages = [*([{"role": "system", "content": system}] if system else []), message]
        reply = await self._call(
            lambda: self._client.chat.completions.create(
                model=model, messages=messages, max_tokens=max_tokens, temperature=0
            )
        )
        self.usage.add_tokens(reply)
        try:
            choice = reply.choices[0]
            text, refusal = text_of(choice.message.content), choice.message.refusal
            return _answer(text, str(choice.finish_reason), refused=bool(refusal))
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise self._no_completion() from error

    async def stream(
        self, image: Path | bytes | None, text: str, *, max_tokens: int = MAX_TOKENS
    ) -> AsyncIterator[str]:
        """Yield the pieces of the greedy answer as they arrive.

        Raises:
            NoAnswerError: the endpoint does not answer, or stops before the end.
        """
        model = await self.model()
        pieces: Any = await self._call(
            lambda: self._client.chat.completions.create(
                model=model,
                messages=[question(image, text)],
                max_tokens=max_tokens,
                temperature=0,
                stream=True,
            )
        )
        try:
            async for piece in pieces:
                if piece.choices and piece.choices[0].delta.content:
                    yield piece.choices[0].delta.content
        except openai.OpenAIError as error:
            raise self._failed(error) from error
        except (ValueError, AttributeError, TypeError) as error:
            fact = f"The answer of {self.url} was interrupted"
            raise NoAnswerError("cut answer", f"{fact}. Ask again, or see the server's log.") from error

    async def likelihood(self, image: Path | bytes | None, text: str, answer: str) -> Likelihood:
        """Return the likelihood of an answer to a question about an image.

        Raises:
            NoLikelihoodsError: the endpoint gives none, or its tokens are not those of the answer.
        """
        (likelihood,) = await self.choose(image, text, [answer])
        return likelihood

    async def choose(self, image: Path | bytes | None, text: str, choices: Sequence[str]) -> list[Likelihood]:
        """Return the likelihoods of several answers, in their order. All begin at the same token.

        Raises:
            NoLikelihoodsError: the endpoint gives none, or its tokens are not those of the answers.
        """
        asked = [("?", None), ("1", None), *(("?", answer) for answer in choices)]
        header, other, *tokens = await asyncio.gather(*[self._chat_tokens(*chat) for chat in asked])
        boundary = shared_boundary(header, other, tokens)
        if boundary is None:
            raise self._no_likelihoods(UNALIGNED)
        scored = [
            self._score(image, text, answer, boundary.of(part)) for answer, part in zip(choices, tokens, strict=True)
        ]
        return list(await asyncio.gather(*scored))

    async def _score(self, image: Path | bytes | None, text: str, answer: str, boundary: Boundary) -> Likelihood:
        """Return the likelihood of an answer. vLLM returns a value for every token of a prompt, which ends with it."""
        messages: Any = [question(image, text), {"role": "assistant", "content": answer}]
        model = await self.model()
        reply = await self._call(
            lambda: self._client.chat.completions.create(
                model=model,
                messages=messages,
                max_tokens=1,
                temperature=0,
                extra_body={"prompt_logprobs": 0, "add_generation_prompt": False, "continue_final_message": True},
            )
        )
        self.usage.add_tokens(reply)
        values = logprobs_of((reply.model_extra or {}).get("prompt_logprobs"), boundary)
        if values is None:
            raise self._no_likelihoods("its log-probabilities of the prompt are missing, or of other tokens")
        return Likelihood(sum(values), len(values))

    def _no_likelihoods(self, fact: str) -> NoLikelihoodsError:
        return NoLikelihoodsError(f"{self.url} gives no likelihoods of answers: {fact}. Ask for letters instead.")

    async def _chat_tokens(self, asked: str, answer: str | None) -> list[int]:
        """Return the tokens of a chat that ends with an answer, or before it. Concurrent callers share one request.

        The question is a stand-in. How the end of the header and the answer are split does not depend on it, and the
        tokens of the real prompt are compared.
        """
        key = (asked, answer)
        if key not in self._tokens:
            self._tokens[key] = asyncio.create_task(self._tokenize(asked, answer))
        return await self._tokens[key]

    async def _tokenize(self, asked: str, answer: str | None) -> list[int]:
        url = self.url.removesuffix("/v1") + "/tokenize"
        reply_follows = [] if answer is None else [{"role": "assistant", "content": answer}]
        body = {
            "model": await self.model(),
            "messages": [{"role": "user", "content": asked}, *reply_follows],
            "add_generation_prompt": answer is None,
            "continue_final_message": answer is not None,
        }
        try:
            reply = await self._call(lambda: self._client.post(url, cast_to=dict[str, Any], body=body))
            return [int(token) for token in reply["tokens"]]
        except (_MissingError, KeyError, TypeError, ValueError) as error:
            raise self._no_likelihoods("it does not tell the tokens of a chat") from error

    def _no_completion(self) -> NoAnswerError:
        return NoAnswerError(
            "no chat completion",
            f"{self.url} does not answer as an OpenAI-compatible API. Check the URL, which usually ends in /v1.",
        )

    async def _call(self, request: Callable[[], Awaitable[Result]]) -> Result:
        """Return the response to a request. An endpoint that is busy is asked again after a pause."""
        for pauses in range(MOST_PAUSES + 1):
            try:
                async with self._slots:
                    self.usage.requests += 1
                    return await request()
            except openai.RateLimitError as error:
                if pauses == MOST_PAUSES:
                    raise self._failed(error) from error
                asked = retry_after_s(error.response.headers.get("Retry-After"), error.response.headers.get("Date"))
                await asyncio.sleep(min(2.0**pauses if asked is None else asked, LONGEST_PAUSE_S))
            except openai.OpenAIError as error:
                raise self._failed(error) from error
            except ValueError as error:
                raise self._no_completion() from error
        raise AssertionError("the last pause ends the loop")

    def _failed(self, error: openai.OpenAIError) -> UserError:
        """Return the error for a failed request: `NoAnswerError` where others may succeed."""
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return UserError(f"The endpoint {self.url} rejects the key. Pass the right one with --api-key-file.")
        if isinstance(error, openai.NotFoundError):
            what = "has no list of models" if self._model is None else f"does not serve {self._model}"
            return _MissingError(f"The endpoint {self.url} {what}. Check the URL, which usually ends in /v1.")
        if isinstance(error, openai.APITimeoutError):
            fact = f"No answer from {self.url} within {self._timeout_s:g} s"
            return NoAnswerError("timeout", f"{fact}. Raise the limit with --timeout.")
        if isinstance(error, openai.APIConnectionError):
            return NoAnswerError(
                "connection", f"No answer from {self.url}. Start an endpoint with `pcult serve CHECKPOINT`."
            )
        if isinstance(error, openai.APIStatusError):
            return NoAnswerError(
                f"status {error.status_code}",
                f"{self.url} rejected a request ({' '.join(error.message.split())[:300]}). See the server's log.",
            )
        return self._no_completion()


def _answer(text: str, finish_reason: str, *, refused: bool) -> Answer:
    # Lone surrogates cannot be stored.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if refused or finish_reason == "content_filter":
        return Answer(text, "refused")
    if finish_reason == "length" or len(text) > MAX_ANSWER_CHARACTERS:
        return Answer(text[:MAX_ANSWER_CHARACTERS], "truncated")
    return Answer(text, "" if text.strip() else "empty")


def model_name(url: str, api_key: str | None = None) -> str:
    """Return the name of the model that an endpoint serves.

    Raises:
        UserError: the endpoint does not answer, refuses the key or serves no model.
    """

    async def ask() -> str:
        async with Endpoint(url, api_key=api_key) as endpoint:
            return await endpoint.model()

    return asyncio.run(ask())


def question(image: Path | bytes | None, text: str) -> Any:
    """Return the user's message: the image first, as in the training of Pangea, then the text."""
    if image is None:
        return {"role": "user", "content": text}
    part = {"type": "image_url", "image_url": {"url": data_url(image)}}
    return {"role": "user", "content": [part, {"type": "text", "text": text}]}


def data_url(image: Path | bytes) -> str:
    """Return an image as a data URL.

    Raises:
        UserError: the image is too large to send.
    """
    content = image if isinstance(image, bytes) else image.read_bytes()
    if len(content) > MAX_IMAGE_BYTES:
        raise UserError(f"The image has {len(content):,} bytes; the limit is {MAX_IMAGE_BYTES:,}. Make it smaller.")
    mime_type = mimetypes.guess_type(image.name)[0] if isinstance(image, Path) else None
    return f"data:{mime_type or 'image/png'};base64,{base64.b64encode(content).decode()}"


async def gather(
    work: Callable[[Any], Awaitable[Result]],
    items: Iterable[Any],
    *,
    concurrency: int = 2 * CONCURRENCY,
    done: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Run `work` for every item with bounded concurrency; return the results in the items' order.

    `done` is called after each item.
    """
    limit = asyncio.Semaphore(concurrency)

    async def one(item: Any) -> Result:
        async with limit:
            result = await work(item)
        done()
        return result

    return list(await asyncio.gather(*[one(item) for item in items]))
