"""Several endpoints of one model, used as one.

Requests about an image go to the same endpoint, whose caches of prefixes and images then have it. The endpoint is found
by rendezvous hashing (Thaler and Ravishankar, 1996): without one of them, only its own images go elsewhere.
"""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pangea_cultural.endpoint.client import MAX_TOKENS, Endpoint
from pangea_cultural.endpoint.completion import Answer
from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.endpoint.likelihoods import Likelihood
from pangea_cultural.endpoint.messages import SentImage
from pangea_cultural.utils.sampling import hash_key

REST_S = 30.0
"""Seconds in which an endpoint that was down is asked only if no other one answers."""

Result = TypeVar("Result")


class EndpointPool:
    """Endpoints that serve the same model.

    Args:
        endpoints: their clients, at least one. All use the name of the model at the first.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = list(endpoints)
        self.url = ", ".join(endpoint.url for endpoint in self._endpoints)
        self._rests_until: dict[str, float] = {}

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints, in the given order."""
        return self._endpoints

    async def __aenter__(self) -> "EndpointPool":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.gather(*[endpoint.__aexit__(*exception) for endpoint in self._endpoints])

    async def model(self) -> str:
        """Return the name of the model."""
        return await self._ask("", lambda endpoint: endpoint.model())

    async def answer(self, image: SentImage | None, text: str, *, max_tokens: int = MAX_TOKENS) -> str:
        """Return the greedy answer to a question, with or without an image."""
        return await self._ask(
            image_key(image, text), lambda endpoint: endpoint.answer(image, text, max_tokens=max_tokens)
        )

    async def reply(self, message: Any, *, max_tokens: int = MAX_TOKENS, system: str = "") -> Answer:
        """Return the greedy answer to a user's message, which may have several images.

        Raises:
            NoAnswerError: no endpoint answers this request.
        """
        return await self._ask(
            message_key(message), lambda endpoint: endpoint.reply(message, max_tokens=max_tokens, system=system)
        )

    async def choose(self, image: SentImage | None, text: str, choices: Sequence[str]) -> list[Likelihood]:
        """Return the likelihoods of several answers, in their order; all are from the same endpoint.

        Raises:
            NoAnswerError: no endpoint gives them.
        """
        return await self._ask(image_key(image, text), lambda endpoint: endpoint.choose(image, text, choices))

    async def _ask(self, key: str, request: Callable[[Endpoint], Awaitable[Result]]) -> Result:
        """Return the response of the endpoint of a key. What fails because it is down is asked from the next one."""
        last: NoAnswerError | None = None
        for endpoint in self._order(key):
            try:
                result = await request(endpoint)
            except NoAnswerError as error:
                if not error.is_down:
                    raise
                self._rests_until[endpoint.url] = time.monotonic() + REST_S
                last = error
            else:
                self._rests_until.pop(endpoint.url, None)
                return result
        assert last is not None, "there is at least one endpoint"
        raise last

    def _order(self, key: str) -> list[Endpoint]:
        """Return the endpoints in the order in which a request tries them, those that rest last."""
        now = time.monotonic()
        ranked = sorted(self._endpoints, key=lambda endpoint: hash_key(f"{endpoint.url} {key}"))
        return sorted(ranked, key=lambda endpoint: self._rests_until.get(endpoint.url, now) > now)


def image_key(image: SentImage | None, text: str) -> str:
    """Return the key of a question: that of its image, or its text if it has none.

    Files of the same name are the same image: an export names them by their content. The checksum spreads requests; it
    identifies nothing.
    """
    if image is None:
        return text
    if isinstance(image, Path):
        return image.name
    return str(zlib.crc32(image if isinstance(image, bytes) else image.tobytes()))


def message_key(message: dict[str, Any]) -> str:
    """Return the key of a message: that of its first image, or its text if it has none."""
    content = message["content"]
    if isinstance(content, str):
        return content
    urls = (part["image_url"]["url"] for part in content if part["type"] == "image_url")
    return str(zlib.crc32(next(urls, repr(content)).encode()))


Target = Endpoint | EndpointPool
"""One endpoint, or several that are used as one."""
