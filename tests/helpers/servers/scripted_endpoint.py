"""An OpenAI-compatible endpoint that answers as a test says, to inject faults. Real models answer in other tests."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from tests.helpers.servers.in_thread import apps_in_thread

HANG = "hang"
CUT = "cut"
RESET = "reset"
"""Faults: no response, half of one, a closed connection."""
Script = Callable[[dict[str, Any], int], Any]
"""Returns the answer to a request (its body and its number): a text, a status, a fault, a whole body,
`(status, headers)`, or a list with the parts of a stream, in which `CUT` closes the connection and `HANG` waits."""


class ScriptedEndpoint:
    """A server in a thread.

    Args:
        script: returns the answer to a request.
        key: key that it asks for.
        models: names that it lists, or a page that it sends instead; None if it has no such list.
        tokenize: returns the answer of /tokenize to a body; None if it has no such address.
    """

    def __init__(
        self,
        script: Script,
        *,
        key: str | None = None,
        models: list[str] | str | None = None,
        tokenize: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self._script, self._key, self._models, self._tokenize = script, key, models, tokenize
        self.bodies: list[dict[str, Any]] = []
        """Requests, in the order of arrival."""
        self.running = self.peak = 0
        """Requests at a time: now, and at most."""

    def __enter__(self) -> "ScriptedEndpoint":
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/tokenize", self._tokens)
        self._serving = apps_in_thread(app)
        (port,) = self._serving.__enter__()
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(self, *exception: Any) -> None:
        self._serving.__exit__(*exception)

    def _refuses(self, request: web.Request) -> bool:
        return self._key is not None and request.headers.get("Authorization") != f"Bearer {self._key}"

    async def _list(self, request: web.Request) -> web.Response:
        if self._refuses(request):
            return web.Response(status=401)
        if self._models is None:
            return web.Response(status=404)
        if isinstance(self._models, str):
            return web.Response(text=self._models, content_type="text/html")
        return web.json_response({"data": [{"id": name} for name in self._models]})

    async def _tokens(self, request: web.Request) -> web.Response:
        if self._tokenize is None:
            return web.Response(status=404)
        return web.json_response(self._tokenize(orjson.loads(await request.read())))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        self.bodies.append(body)
        number = len(self.bodies)
        if self._refuses(request):
            return web.Response(status=401)
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(0.001)
            return await self._respond(request, self._script(body, number))
        finally:
            self.running -= 1

    async def _respond(self, request: web.Request, answer: Any) -> web.StreamResponse:
        if answer == HANG:
            await asyncio.sleep(60)
        if answer == RESET:
            request.transport.abort()
            return web.Response()
        if answer == CUT:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"choices": [{"mess')
            request.transport.close()
            return response
        if isinstance(answer, list):
            return await _stream(request, answer)
        if isinstance(answer, int):
            return web.Response(status=answer, text="<html>failed</html>")
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], headers=answer[1])
        body = answer if isinstance(answer, bytes) else completion(answer)
        return web.Response(body=body, content_type="application/json")


async def _stream(request: web.Request, parts: list[Any]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in parts:
        if part == CUT:
            request.transport.abort()
            return response
        if part == HANG:
            await asyncio.sleep(60)
        await response.write(part)
        await asyncio.sleep(0.05)
    return response


def completion(text: str, finish_reason: str = "stop", first_tokens: dict[str, float] | None = None) -> bytes:
    """Return a chat completion. `first_tokens` are the likely ones with their log-probabilities."""
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}}
    if first_tokens is not None:
        tokens = [{"token": token, "logprob": value, "bytes": None} for token, value in first_tokens.items()]
        choice["logprobs"] = {"content": [tokens[0] | {"top_logprobs": tokens}]}
    usage = {"prompt_tokens": 200, "completion_tokens": 30}
    return orjson.dumps({"object": "chat.completion", "choices": [choice], "usage": usage})
