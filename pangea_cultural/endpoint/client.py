"""A client of one OpenAI-compatible endpoint, for questions about images."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.completion import (
    MALFORMED,
    Answer,
    no_completion,
    read_answer,
    read_json,
    read_pieces,
    require_success,
)
from pangea_cultural.endpoint.concurrency import CONCURRENCY
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.likelihoods import Likelihood, Likelihoods
from pangea_cultural.endpoint.messages import SentImage, question
from pangea_cultural.endpoint.pauses import retried
from pangea_cultural.endpoint.transport import Response, Transport
from pangea_cultural.endpoint.usage import Usage
from pangea_cultural.errors import UserError

MAX_TOKENS = 128
RETRIES = 2
"""Further attempts after a failure that may pass. An evaluation shall not wait long for an endpoint that has died."""
START_PAUSE_S = 2.0
"""Pause between the questions whether an endpoint has started."""


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
        self._address = Address(url=self.url, api_key=api_key, model=model or "")
        self._transport = Transport(connections=CONCURRENCY, timeout_s=timeout_s)
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._likelihoods = Likelihoods(self.url, self._complete, self._tokenize)

    @property
    def endpoints(self) -> list["Endpoint"]:
        """This endpoint alone; a pool has several."""
        return [self]

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._likelihoods.close()
        await self._transport.close()

    async def model(self) -> str:
        """Return the name of the model."""
        if not self._address.model:
            names = await self.models()
            if not names:
                raise UserError(f"The endpoint {self.url} serves no model. Choose another with --endpoint.")
            self._address = replace(self._address, model=names[0])
        return self._address.model

    async def models(self) -> list[str]:
        """Return the names of all models; none if the endpoint's list is empty."""
        unnamed = replace(self._address, model="")  # its errors are not about a model
        listed = await self._json(unnamed, "GET", f"{self.url}/models")
        try:
            return [str(model["id"]) for model in listed["data"] or []]
        except MALFORMED as error:
            raise no_completion(self._address) from error

    async def server_version(self) -> str | None:
        """Return the version of the server, as vLLM tells it; None if the endpoint does not tell it."""
        try:
            reply = await self._json(self._address, "GET", f"{self._address.server}/version")
        except UserError:
            return None
        version = reply.get("version") if isinstance(reply, dict) else None
        return version if isinstance(version, str) else None

    async def answer(self, image: SentImage | None, text: str, *, max_tokens: int = MAX_TOKENS) -> str:
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
        messages = [*([{"role": "system", "content": system}] if system else []), message]
        answer, _ = await self._chat({"messages": messages, "max_tokens": max_tokens, "temperature": 0})
        return answer

    async def stream(self, image: SentImage | None, text: str, *, max_tokens: int = MAX_TOKENS) -> AsyncIterator[str]:
        """Yield the pieces of the greedy answer as they arrive.

        Raises:
            NoAnswerError: the endpoint does not answer, or stops before the end.
        """
        fields = {"messages": [question(image, text)], "max_tokens": max_tokens, "temperature": 0, "stream": True}
        async for piece in self.stream_chat(fields):
            yield piece

    async def stream_chat(self, fields: dict[str, Any]) -> AsyncIterator[str]:
        """Yield the pieces of the answer to a chat request with `stream`. The server stops when this is closed.

        Raises:
            NoAnswerError: the endpoint does not answer, or stops before the end.
        """
        body = orjson.dumps({"model": await self.model()} | fields)
        url = f"{self.url}/chat/completions"
        async with self._slots:
            self.usage.requests += 1
            async with self._transport.stream(self._address, url, body) as (response, parts):
                if response.status != 200:
                    require_success(self._address, response, b"".join([part async for part in parts]))
                async for piece in read_pieces(self._address, parts):
                    yield piece

    async def likelihood(self, image: SentImage | None, text: str, answer: str) -> Likelihood:
        """Return the likelihood of an answer to a question about an image.

        Raises:
            NoLikelihoodsError: the endpoint gives none, or its tokens are not those of the answer.
        """
        (likelihood,) = await self.choose(image, text, [answer])
        return likelihood

    async def choose(self, image: SentImage | None, text: str, choices: Sequence[str]) -> list[Likelihood]:
        """Return the likelihoods of several answers, in their order. All begin at the same token.

        Raises:
            NoLikelihoodsError: the endpoint gives none, or its tokens are not those of the answers.
        """
        return await self._likelihoods.of(question(image, text), choices)

    async def _chat(self, fields: dict[str, Any]) -> tuple[Answer, Any]:
        """Return the answer to a chat request, and the whole completion."""
        body = orjson.dumps({"model": await self.model()} | fields)

        async def attempt() -> tuple[Answer, Any]:
            return read_answer(self._address, await self._send("POST", f"{self.url}/chat/completions", body))

        answer, completion = await retried(attempt, retries=RETRIES)
        self.usage.add_tokens(answer)
        return answer, completion

    async def _complete(self, fields: dict[str, Any]) -> Any:
        return (await self._chat(fields))[1]

    async def _tokenize(self, fields: dict[str, Any]) -> Any:
        body = orjson.dumps({"model": await self.model()} | fields)
        return await self._json(self._address, "POST", f"{self._address.server}/tokenize", body)

    async def _json(self, address: Address, method: str, url: str, body: bytes | None = None) -> Any:
        """Return the JSON of a response of another kind than chat. Errors are those of `address`."""

        async def attempt() -> Response:
            response = await self._send(method, url, body)
            require_success(address, response)
            return response

        # Only statuses are retried: a page in place of JSON stays one.
        return read_json(address, await retried(attempt, retries=RETRIES))

    async def _send(self, method: str, url: str, body: bytes | None) -> Response:
        async with self._slots:
            self.usage.requests += 1
            return await self._transport.send(self._address, method, url, body)


def model_name(url: str, api_key: str | None = None, *, wait_s: float = 0.0) -> str:
    """Return the name of the model that an endpoint serves.

    Args:
        url: base of the API, ending in /v1.
        api_key: the endpoint's key; None if it needs none.
        wait_s: seconds in which the endpoint may start.

    Raises:
        UserError: the endpoint does not answer, refuses the key or serves no model.
    """

    async def ask() -> str:
        async with Endpoint(url, api_key=api_key) as endpoint:
            return await endpoint.model()

    until = time.monotonic() + wait_s
    while True:
        try:
            return asyncio.run(ask())
        except NoAnswerError as error:
            if not error.is_down or time.monotonic() >= until:
                raise
        time.sleep(START_PAUSE_S)
