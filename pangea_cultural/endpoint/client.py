"""A client of OpenAI-compatible endpoints, for questions about images."""

import asyncio
import base64
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import openai

from pangea_cultural.errors import UserError

MAX_IMAGE_BYTES = 20_000_000
MAX_TOKENS = 128
CONCURRENCY = 32
"""Concurrent requests: enough to fill vLLM's batches. More connections only slow the client down."""
RETRIES = 2

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
        self.url = url
        self._client = openai.AsyncOpenAI(
            base_url=url, api_key=api_key or "none", timeout=timeout_s, max_retries=RETRIES
        )
        self._model = model
        self._counts: dict[str, asyncio.Task[int]] = {}
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.close()

    async def model(self) -> str:
        """Return the name of the model."""
        if self._model is None:
            models = await self._call(self._client.models.list())
            if not models.data:
                raise UserError(f"The endpoint {self.url} serves no model. Choose another with --endpoint.")
            self._model = models.data[0].id
        return self._model

    async def models(self) -> list[str]:
        """Return the names of all models; none if the endpoint has no list of them."""
        listed = await self._call(self._client.models.list())
        return [model.id for model in listed.data or []]

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
        return await self.answer_message(question(image, text), max_tokens=max_tokens)

    async def answer_message(self, message: Any, *, max_tokens: int = MAX_TOKENS) -> str:
        """Return the greedy answer to a user's message, which may have several images."""
        reply = await self._call(
            self._client.chat.completions.create(
                model=await self.model(), messages=[message], max_tokens=max_tokens, temperature=0
            )
        )
        return reply.choices[0].message.content or ""

    async def stream(
        self, image: Path | bytes | None, text: str, *, max_tokens: int = MAX_TOKENS
    ) -> AsyncIterator[str]:
        """Yield the pieces of the greedy answer as they arrive."""
        pieces: Any = await self._call(
            self._client.chat.completions.create(
                model=await self.model(),
                messages=[question(image, text)],
                max_tokens=max_tokens,
                temperature=0,
                stream=True,
            )
        )
        async for piece in pieces:
            if piece.choices and piece.choices[0].delta.content:
                yield piece.choices[0].delta.content

    async def likelihood(self, image: Path | bytes | None, text: str, answer: str) -> Likelihood:
        """Return the likelihood of an answer to a question about an image.

        The prompt ends with the answer. vLLM returns the log-probability of every prompt token, and the last ones are
        those of the answer.
        """
        length = await self._answer_length(answer)
        messages: Any = [question(image, text), {"role": "assistant", "content": answer}]
        reply = await self._call(
            self._client.chat.completions.create(
                model=await self.model(),
                messages=messages,
                max_tokens=1,
                temperature=0,
                extra_body={"prompt_logprobs": 0, "add_generation_prompt": False, "continue_final_message": True},
            )
        )
        # One entry per token: the token of the prompt, with its log-probability.
        entries = (reply.model_extra or {})["prompt_logprobs"][-length:]
        return Likelihood(sum(next(iter(entry.values()))["logprob"] for entry in entries), length)

    async def choose(self, image: Path | bytes | None, text: str, choices: Iterable[str]) -> list[Likelihood]:
        """Return the likelihoods of several answers, in their order."""
        return list(await asyncio.gather(*[self.likelihood(image, text, choice) for choice in choices]))

    async def _answer_length(self, answer: str) -> int:
        """Return the number of tokens of an answer after the newline that ends the assistant's header."""
        before, both = await asyncio.gather(self._count("\n"), self._count(f"\n{answer}"))
        return both - before

    async def _count(self, text: str) -> int:
        """Return the number of tokens of a text. Concurrent callers share one request."""
        if text not in self._counts:
            self._counts[text] = asyncio.create_task(self._tokenize(text))
        return await self._counts[text]

    async def _tokenize(self, text: str) -> int:
        url = self.url.removesuffix("/v1") + "/tokenize"
        body = {"model": await self.model(), "prompt": text, "add_special_tokens": False}
        reply = await self._call(self._client.post(url, cast_to=dict[str, Any], body=body))
        return int(reply["count"])

    async def _call(self, request: Awaitable[Result]) -> Result:
        try:
            async with self._slots:
                return await request
        except openai.AuthenticationError as error:
            raise UserError(
                f"The endpoint {self.url} rejects the key. Pass the right one with --api-key-file."
            ) from error
        except openai.NotFoundError as error:
            raise UserError(
                f"The endpoint {self.url} does not serve {self._model}, or lacks this request. Choose another one."
            ) from error
        except openai.APIConnectionError as error:
            raise UserError(f"No answer from {self.url}. Start an endpoint with `pcult serve CHECKPOINT`.") from error
        except openai.APIStatusError as error:
            raise UserError(f"{self.url} rejected a request ({error.message[:300]}). See the server's log.") from error


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
