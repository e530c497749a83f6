"""Changes of the bodies of responses, for ASGI middleware."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

START, BODY = "http.response.start", "http.response.body"
LENGTH, ENCODING = b"content-length", b"content-encoding"
OF_THE_BODY = (LENGTH, b"transfer-encoding")
"""Headers that a change of the body makes wrong."""


def change_body(send: Send, change: Callable[[bytes], bytes], is_changed: Callable[[Message], bool]) -> Send:
    """Return a channel for a response whose body is changed, with the length of the new body in its headers.

    A changed response is sent when it is complete. Others are sent as they come, and so are compressed ones.
    A response without a body, as to HEAD, stays so, and does not state the length of the old one.

    Args:
        send: sends messages of the response.
        change: returns the new body. If it raises an error, nothing of the response was sent.
        is_changed: whether the response that this message starts is changed.
    """
    held: list[Message] = []
    content = bytearray()

    async def changed(message: Message) -> None:
        if message["type"] == START and is_changed(message) and not _is_encoded(message["headers"]):
            held.append(message)
            return
        if not held:
            await send(message)
            return
        if message["type"] != BODY:  # the server reads the body from elsewhere, such as a file
            await send(held.pop())
            await send(message)
            return
        content.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        body = change(bytes(content)) if content else b""
        start = held.pop()
        await send({**start, "headers": _with_length(start["headers"], body)})
        await send({"type": BODY, "body": body})

    return changed


def has_type(headers: Headers, kind: bytes) -> bool:
    """Return whether headers state a type of content, such as `text/html`, with or without parameters."""
    return any(name.lower() == b"content-type" and value.lower().startswith(kind) for name, value in headers)


def _is_encoded(headers: Headers) -> bool:
    return any(name.lower() == ENCODING and value.strip().lower() != b"identity" for name, value in headers)


def _with_length(headers: Headers, body: bytes) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() not in OF_THE_BODY]
    return [*kept, (LENGTH, str(len(body)).encode())] if body else kept
