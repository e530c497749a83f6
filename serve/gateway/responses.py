"""Responses on their way to the client: errors get the one shape, tokens are counted."""

import re
from collections.abc import Awaitable
from typing import Any

from starlette.types import Message, Send

from serve.gateway.errors import RefusedError, reshaped

MAX_ERROR = 64_000
"""Bytes of an error that are kept."""
USAGE = b'"usage":{'
"""Answers of models cannot have it: quotes within JSON's strings are escaped."""
NUMBERS = re.compile(rb'"(prompt|completion)_tokens":(\d+)')
JSON_TYPE = (b"content-type", b"application/json")


class Response:
    """The response to one request.

    Args:
        send: sends messages to the client.
        request_id: value of the header `X-Request-Id`.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = (b"x-request-id", request_id.encode())
        self._held: Message | None = None
        self._content = b""
        self._is_stream = False
        # The last piece of a stream has the number of tokens, for which the client may not have asked.
        self.hides_usage = False
        self.status = 0
        """HTTP status; 0 before the response starts."""
        self.is_complete = False
        """True when the application has sent all of it."""
        self.has_left = False
        """True when the client has closed its connection before."""
        self.tokens: dict[str, int] = {}
        """Tokens of `prompt` and `completion`."""

    async def send(self, message: Message) -> None:
        """Pass on a message of the application."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif message["type"] == "http.response.body":
            await self._body(message)
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        self.status = message["status"]
        if self.status >= 400:
            self._held = message
            return
        headers = list(message["headers"])
        self._is_stream = any(
            name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers
        )
        await self._send({**message, "headers": [*headers, self._id]})

    async def _body(self, message: Message) -> None:
        content = message.get("body", b"")
        if not message.get("more_body"):
            self.is_complete = True
        if self._held is not None:
            self._content = (self._content + content)[:MAX_ERROR]
            if self.is_complete:
                await self._error(self.status, reshaped(self.status, self._content), _kept(self._held["headers"]))
            return
        place = content.rfind(USAGE)
        if place >= 0:
            found = dict(NUMBERS.findall(content, place))
            self.tokens = {kind.decode(): int(count) for kind, count in found.items()}
            if self._is_stream and self.hides_usage and b'"choices":[]' in content:
                content = b""
                if message.get("more_body"):
                    return
                message = {**message, "body": content}
        await self._send(message)

    async def refuse(self, refusal: RefusedError, rest: Awaitable[None] | None = None) -> None:
        """Send a refusal, in place of a response.

        Args:
            refusal: the refusal.
            rest: what is to be done before the connection is closed.
        """
        self.status, self.is_complete = refusal.status, True
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
        await self._error(refusal.status, refusal.body(), headers, rest)

    async def _error(
        self, status: int, content: bytes, headers: list[tuple[bytes, bytes]], rest: Awaitable[None] | None = None
    ) -> None:
        own: list[tuple[bytes, bytes]] = [JSON_TYPE, (b"content-length", str(len(content)).encode()), self._id]
        await self._send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
        if rest is not None:
            await self._send({"type": "http.response.body", "body": content, "more_body": True})
            await rest
            content = b""
        await self._send({"type": "http.response.body", "body": content})


def without_body(send: Send) -> Send:
    """Return a channel that sends no body, as answers to HEAD have none.

    Args:
        send: sends messages of the response.
    """

    async def emptied(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return emptied


def _kept(headers: Any) -> list[tuple[bytes, bytes]]:
    """Return the headers of an error that do not describe its body."""
    return [(name, value) for name, value in headers if name.lower() not in (b"content-type", b"content-length")]
