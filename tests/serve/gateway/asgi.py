"""A caller of ASGI applications in this process, and an application that stands for vLLM's routes."""

import asyncio
import json
from typing import NamedTuple

import orjson

from serve.gateway.guard import Gateway
from serve.gateway.keys import digest_of
from serve.gateway.settings import Settings

KEY = "right-key"
USAGE = b'"usage":{"prompt_tokens":7,"total_tokens":10,"completion_tokens":3}'
PIECES = (
    b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
    b'data: {"choices":[],' + USAGE + b"}\n\n",
    b"data: [DONE]\n\n",
)


class Reply(NamedTuple):
    status: int
    headers: dict
    content: bytes
    pieces: list

    @property
    def error(self):
        """The error, whose shape is checked."""
        error = orjson.loads(self.content)["error"]
        assert set(error) == {"message", "type", "param", "code"} and self.status >= 400
        assert self.headers["content-type"] == "application/json"
        assert isinstance(error["message"], str) and error["message"] and isinstance(error["code"], str)
        return error


class Inner:
    """An application that answers like vLLM, and remembers what it was asked."""

    def __init__(self, answer=None):
        self.bodies, self.scopes = [], []
        self._answer = answer

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        message = await receive()
        body = orjson.loads(message["body"]) if message.get("body") else None
        self.bodies.append(body)
        if self._answer is not None:
            status, kind, pieces = await self._answer(body)
        elif body and body.get("stream"):
            status, kind, pieces = 200, b"text/event-stream; charset=utf-8", PIECES
        else:
            status, kind, pieces = 200, b"application/json", [b'{"choices":[],' + USAGE + b"}"]
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def call(app, method="POST", path="/v1/chat/completions", *, body=b"", key=KEY, headers=None, parts=None):
    """Return the reply to a request.

    Args:
        parts: chunks of the body in place of `body`; a number is a pause in seconds.
    """
    chunks = [body] if parts is None else list(parts)
    sent = {"content-type": "application/json", "x-request-id": "theirs"}
    sent |= {"authorization": f"Bearer {key}"} if key else {}
    sent |= {"content-length": str(len(body))} if parts is None else {}
    sent |= headers or {}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), str(value).encode()) for name, value in sent.items()],
    }
    messages = []

    async def receive():
        while chunks:
            chunk = chunks.pop(0)
            if not isinstance(chunk, bytes):
                await asyncio.sleep(chunk)
                continue
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        return {"type": "http.disconnect"}

    async def send(message):
        messages.append(message)

    await app(scope, receive, send)
    if not messages:
        return None
    start, *pieces = messages
    got = {name.decode(): value.decode() for name, value in start["headers"]}
    content = [piece["body"] for piece in pieces]
    return Reply(start["status"], got, b"".join(content), content)


def chat(**fields):
    """Return the body of a chat request."""
    return json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]} | fields).encode()


def asked(*parts):
    """Return the body of a chat request whose question has these parts."""
    return chat(messages=[{"role": "user", "content": list(parts)}])


def guarded(inner=None, **settings):
    """Return a gateway with one key before an application."""
    options = {"key_digests": (("team", digest_of(KEY)),)} | settings
    return Gateway(inner or Inner(), Settings(**options))
