"""Request bodies: read whole, within a size and a time.

Starlette's `RequestBodyLimitMiddleware` is not used: it has no time limit, and it wraps the application, so that a body
would be read before key and rate are checked.
"""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.types import Message, Receive

from serve.gateway.errors import RefusedError
from serve.gateway.settings import Settings

DISCARD_S = 10.0
"""Seconds in which the rest of a refused body is read."""


class ClientLeftError(Exception):
    """A client that has closed its connection before its request was complete."""


def check_length(length: str | None, settings: Settings) -> None:
    """Check the header `Content-Length` before anything is read.

    Raises:
        RefusedError: the body is too large.
    """
    if length is not None and length.isdecimal() and int(length[:20]) > settings.max_body:
        raise _too_large(settings)


async def read(receive: Receive, settings: Settings, count: Callable[[int], None]) -> bytes:
    """Return the body of a request.

    Args:
        receive: gives the messages of the request.
        settings: limits of size and time.
        count: is called with the bytes of each part, and may refuse it.

    Raises:
        RefusedError: the body is too large, or comes too slowly.
        ClientLeftError: the client has closed the connection.
    """
    message = await _next(receive, settings.read_s)
    if not message.get("more_body"):
        content = message.get("body", b"")
        count(len(content))
        return _checked(content, settings)
    clock = asyncio.get_running_loop().time
    began, parts = clock(), bytearray()
    while True:
        part = message.get("body", b"")
        count(len(part))
        parts += part
        if len(parts) > settings.max_body:
            raise _too_large(settings)
        if not message.get("more_body"):
            return bytes(parts)
        # A client that sends at a usual rate has as long as it needs.
        ends = began + settings.read_s + len(parts) / settings.bytes_per_s
        message = await _next(receive, ends - clock())


async def discard(receive: Receive, settings: Settings) -> None:
    """Read the rest of a refused body, and forget it.

    A connection that is closed while the client sends is reset, and most clients then lose the refusal.
    """
    left = 2 * settings.max_body
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return


async def _next(receive: Receive, seconds: float) -> Message:
    try:
        async with asyncio.timeout(seconds):
            received = await receive()
    except TimeoutError:
        raise RefusedError(
            408, "body_time", "The body of the request came too slowly. Send it again.", closes=True
        ) from None
    if received["type"] == "http.disconnect":
        raise ClientLeftError
    return received


def _checked(content: bytes, settings: Settings) -> bytes:
    if len(content) > settings.max_body:
        raise _too_large(settings)
    return content


def _too_large(settings: Settings) -> RefusedError:
    message = f"The body has more than {settings.max_body:,} bytes. Send fewer or smaller images."
    return RefusedError(413, "body_size", message, closes=True)
