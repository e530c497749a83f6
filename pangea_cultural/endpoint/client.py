"""The client of an OpenAI-compatible endpoint, for questions about images."""

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
"""Requests under way at once: enough to keep vLLM's batches full; more connections only cost the client time."""
RETRIES = 2

Result = TypeVar("Result")


class Likelihood(NamedTuple):
    """How likely a model finds an answer."""

    logprob: float
    """Sum over the answer's tokens, natural logarithm."""
    num_tokens: int

    @property
    def mean(self) -> float:
        """Per token: answers of unequal length can be compared."""
        return self.logprob / self.num_tokens


class Endpoint:
    """An endpoint that serves one model.

    Args:
        url: base of the API, ending in /v1.
        api_key: where the endpoint asks for one.
        model: name of the model; the first that the endpoint names where None.
        timeout_s: for one answer.
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
        self._under_way = asyncio.Semaphore(CONCURRENCY)

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.close()

    async def model(self) -> str:
        """The name of the model that answers."""
        if self._model is None:
            models = await self._call(self._client.models.list())
            if not models.data:
                raise UserError(f"the endpoint {self.url} serves no model")
            self._model = models.data[0].id
        return self._model

    async def answer(self, image: Path | bytes | None, text: str, *, max_tokens: int = MAX_TOKENS) -> str:
        """The model's greedy answer to a question about an image (or without one)."""
        reply = await self._call(
            self._client.chat.completions.create(
                model=await self.model(), messages=[question(image, text)], max_tokens=max_tokens, temperature=0
            )
        )
        return reply.choices[0].message.content or ""

    async def stream(
        self, image: Path | bytes | None, text: str, *, max_tokens: int = MAX_TOKENS
    ) -> AsyncIterator[str]:
        """The pieces of the model's greedy answer, as they come."""
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
        """How likely the model finds an answer to a question about an image.

        The answer stands in the prompt, and vLLM tells the log-probability of every prompt token; the answer's are the
        last ones.
        """
        length = await self._answer_length(answer)
        reply = await self._call(
            self._client.chat.completions.create(
                model=await self.model(),
                messages=[question(image, text), _said(answer)],
                max_tokens=1,
                temperature=0,
                extra_body={"prompt_logprobs": 0, "add_generation_prompt": False, "continue_final_message": True},
            )
        )
        # One entry a token: the token that stands there, with its log-probability.
        entries = (reply.model_extra or {})["prompt_logprobs"][-length:]
        return Likelihood(sum(next(iter(entry.values()))["logprob"] for entry in entries), length)

    async def choose(self, image: Path | bytes | None, text: str, choices: Iterable[str]) -> list[Likelihood]:
        """How likely the model finds each of several answers, in their order."""
        return list(await asyncio.gather(*[self.likelihood(image, text, choice) for choice in choices]))

    async def _answer_length(self, answer: str) -> int:
        """Tokens of an answer where it stands in a prompt: after the newline of the assistant's header."""
        before, whole = await asyncio.gather(self._count("\n"), self._count(f"\n{answer}"))
        return whole - before

    async def _count(self, text: str) -> int:
        """Tokens of a text; each is asked for once, also by many callers at a time."""
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
            async with self._under_way:
                return await request
        except openai.AuthenticationError as error:
            raise UserError(
                f"the endpoint {self.url} refuses the key: give the right one with --api-key-file"
            ) from error
        except openai.NotFoundError as error:
            raise UserError(
                f"the endpoint {self.url} does not serve {self._model}, or does not know this call"
            ) from error
        except openai.APIConnectionError as error:
            raise UserError(f"no answer from {self.url}: start an endpoint with `pcult serve CHECKPOINT`") from error
        except openai.APIStatusError as error:
            raise UserError(f"the endpoint {self.url} refused a request: {error.message[:300]}") from error


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
    """The user's turn: the image first, as Pangea was trained, then the text."""
    if image is None:
        return {"role": "user", "content": text}
    part = {"type": "image_url", "image_url": {"url": data_url(image)}}
    return {"role": "user", "content": [part, {"type": "text", "text": text}]}


def _said(answer: str) -> Any:
    return {"role": "assistant", "content": answer}


def data_url(image: Path | bytes) -> str:
    """An image as a data URL.

    Raises:
        UserError: it is too large to send.
    """
    content = image if isinstance(image, bytes) else image.read_bytes()
    if len(content) > MAX_IMAGE_BYTES:
        raise UserError(f"the image has {len(content):,} bytes, at most {MAX_IMAGE_BYTES:,} are sent: make it smaller")
    kind = mimetypes.guess_type(image.name)[0] if isinstance(image, Path) else None
    return f"data:{kind or 'image/png'};base64,{base64.b64encode(content).decode()}"


async def gather(
    work: Callable[[Any], Awaitable[Result]],
    items: Iterable[Any],
    *,
    concurrency: int = 2 * CONCURRENCY,
    done: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Do `work` for every item, a bounded number at once; results in the items' order. `done` is called after each."""
    limit = asyncio.Semaphore(concurrency)

    async def one(item: Any) -> Result:
        async with limit:
            result = await work(item)
        done()
        return result

    return list(await asyncio.gather(*[one(item) for item in items]))
