"""The ASGI middleware: it admits a request, reads and checks its body, and passes it on."""

import asyncio
import functools
import hashlib
import logging
import os
import time
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.gateway import body
from serve.gateway.access_log import AccessLog
from serve.gateway.connections import limit_connections
from serve.gateway.draining import Draining
from serve.gateway.errors import REASONS, RefusedError
from serve.gateway.fields.requests import Bodies
from serve.gateway.hosts import check_host
from serve.gateway.images.budget import CURRENT, Budget
from serve.gateway.keys import Keys
from serve.gateway.limits import Held, Limits
from serve.gateway.metrics import REFUSALS, TOKENS, of_one_key
from serve.gateway.models import without_paths
from serve.gateway.responses import Response, without_body
from serve.gateway.routes import CHAT, METRICS, MODELS, ROUTES, Route, route_of
from serve.gateway.settings import Settings

LEFT = 499
"""Status in the access log of a client that has closed its connection. It is nginx's."""
SLOW = 408
INTERNAL = 500
WITHOUT_KEY = "-"
"""Name in log and counters where requests need no key."""
UNKNOWN_ROUTE = "other"
"""Name in the log of paths that are not served: a path can have content."""
PASSED = frozenset(
    name.encode()
    for name in (
        "host",
        "content-type",
        "accept",
        "user-agent",
        "origin",
        "traceparent",
        "tracestate",
        "x-data-parallel-rank",
    )
)
"""Headers that vLLM gets. Others of its headers are fields that are not served, such as the priority of a request."""
LOGGER = logging.getLogger(__name__)


@dataclass
class _Exchange:
    """One request and its response."""

    scope: Scope
    headers: dict[bytes, bytes]
    response: Response
    budget: Budget
    id: str
    began: float = field(default_factory=time.perf_counter)
    key: str = ""
    sees_all: bool = False
    """Whether the metrics name other keys than this one."""
    held: int = 0
    """Bytes of the body that are in memory."""
    reason: str = ""
    route: str = UNKNOWN_ROUTE

    @property
    def has_body(self) -> bool:
        """Whether the client sends a body."""
        return b"transfer-encoding" in self.headers or self.headers.get(b"content-length", b"0") != b"0"


class Gateway:
    """A middleware that serves only listed routes and fields, within limits, for known keys.

    Args:
        app: the application behind it.
        settings: keys and limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._keys = Keys(settings.keys_file, settings.key_digests) if settings.has_keys else None
        self._limits = Limits(settings.rate, settings.concurrency)
        self._draining = Draining()
        self._held = Held(settings.max_held)
        self._bodies = Bodies(settings)
        self._log = AccessLog(settings.access_log)
        # The counter of a key and kind, which Prometheus' library looks up in three microseconds.
        self._counter = functools.cache(TOKENS.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            REFUSALS.labels("route").inc()
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit_connections(scope["app"], self._settings.read_s)
        self._draining.watch(scope["app"])
        try:
            await self._app(scope, receive, send)
        finally:
            self._log.close()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        identifier = os.urandom(16).hex()
        response = Response(without_body(send) if scope["method"] == "HEAD" else send, identifier)
        exchange = _Exchange(scope, dict(scope["headers"]), response, Budget(self._settings), identifier)
        try:
            await self._serve(exchange, receive)
        except RefusedError as refusal:
            exchange.reason = refusal.reason
            is_unread = "connection" in refusal.headers and refusal.status != SLOW and exchange.has_body
            await response.refuse(refusal, body.discard(receive, self._settings) if is_unread else None)
        except body.ClientLeftError:
            response.status = LEFT
        except asyncio.CancelledError:
            # The time for running requests is over.
            exchange.reason = self._draining.refusal().reason
            raise
        except Exception:
            LOGGER.exception("Request %s failed.", identifier)
            if response.status:
                exchange.reason = "server"
                raise
            failed = RefusedError(INTERNAL, "server", "The server failed. See its log.", closes=True)
            answer = self._draining.refusal() if self._draining.began else failed
            exchange.reason = answer.reason
            await response.refuse(answer)
        finally:
            self._finish(exchange)

    async def _serve(self, exchange: _Exchange, receive: Receive) -> None:
        route = self._admit(exchange)
        if self._draining.began and (route.is_limited or route.is_open):
            raise self._draining.refusal()
        if not route.is_limited:
            await self._pass(exchange, receive, None)
            return
        await self._limits.count(exchange.key)
        # No context managers here: they take 6 microseconds.
        self._limits.enter(exchange.key)
        try:
            content = await self._content(exchange, route, receive) if route.method == "POST" else None
            await self._pass(exchange, receive, content)
        finally:
            self._limits.leave(exchange.key)
            self._held.release(exchange.held)

    def _admit(self, exchange: _Exchange) -> Route:
        """Return the route of a request with a known key.

        A client without a key does not learn which routes there are.
        """
        scope = exchange.scope
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        route = ROUTES.get(path)
        if route:
            exchange.route = path
        if self._keys is None:
            check_host(exchange.headers.get(b"host"))
            exchange.key = WITHOUT_KEY
        elif not (route and route.is_open):
            known = self._keys.find(exchange.headers.get(b"authorization", b"").decode("latin-1"))
            if known is None:
                message = "This server needs a key. Send it as `Authorization: Bearer KEY`."
                raise RefusedError(401, "key", message, headers={"www-authenticate": "Bearer"}, closes=True)
            exchange.key, exchange.sees_all = known.name, known.sees_all
        return route_of(path, scope["method"])

    async def _content(self, exchange: _Exchange, route: Route, receive: Receive) -> bytes:
        """Read the body, check it and return what is passed on."""

        def count(number: int) -> None:
            exchange.held += number
            self._held.add(number)

        kind = exchange.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise RefusedError(415, "content_type", "The body is not declared as application/json. Do so.", closes=True)
        length = exchange.headers.get(b"content-length")
        body.check_length(length.decode("latin-1") if length else None, self._settings)
        read = await body.read(receive, self._settings, count)
        content = self._bodies.checked(route, read, exchange.budget)
        if self._keys is not None:
            exchange.budget.salt = _salt(exchange.key)
        if route is CHAT:
            if content.get("stream"):
                # The number of tokens is in the last piece, which the client gets only if it asked for it.
                options = content.setdefault("stream_options", {})
                exchange.response.hides_usage = not options.get("include_usage")
                options["include_usage"] = True
            if self._keys is not None:
                # Without a salt, the time of an answer tells whether another key has sent the same prompt.
                content["cache_salt"] = exchange.budget.salt
        # Written again, so that vLLM reads what was checked: JSON can have a name twice.
        return orjson.dumps(content)

    async def _pass(self, exchange: _Exchange, receive: Receive, content: bytes | None) -> None:
        """Call the application with the checked body."""
        headers = [(name, value) for name, value in exchange.scope["headers"] if name in PASSED]
        headers.append((b"x-request-id", exchange.id.encode()))
        if content is not None:
            headers.append((b"content-length", str(len(content)).encode()))
        CURRENT.set(exchange.budget)
        send: Send = exchange.response.send
        if exchange.route == MODELS.path:
            send = without_paths(send)
        elif exchange.route == METRICS.path and not exchange.sees_all:
            send = of_one_key(send, exchange.key)
        # vLLM does not know HEAD.
        method = "GET" if exchange.scope["method"] == "HEAD" else exchange.scope["method"]
        scope = {**exchange.scope, "headers": headers, "method": method}
        await self._app(scope, _replayed(content, receive, exchange.response), send)

    def _finish(self, exchange: _Exchange) -> None:
        """Count the request and write its line to the log."""
        response, status = exchange.response, exchange.response.status or LEFT
        if response.has_left or not (response.is_complete or exchange.reason):
            # vLLM ends an answer without a word when its client has left.
            status = LEFT
        if not exchange.reason and status >= 400 and status != LEFT:
            exchange.reason = REASONS.get(status, "server" if status >= 500 else "request")
        if exchange.reason:
            REFUSALS.labels(exchange.reason).inc()
        for kind, number in response.tokens.items():
            self._counter(exchange.key, kind).inc(number)
        entry: dict[str, Any] = {
            "request_id": exchange.id,
            "key": exchange.key or None,
            "route": exchange.route,
            "status": status,
            "reason": exchange.reason or None,
            "seconds": round(time.perf_counter() - exchange.began, 4),
            "prompt_tokens": response.tokens.get("prompt"),
            "completion_tokens": response.tokens.get("completion"),
            "images": exchange.budget.count,
            "image_bytes": exchange.budget.bytes,
        }
        self._log.write(entry)


@functools.cache
def _salt(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _replayed(content: bytes | None, receive: Receive, response: Response) -> Receive:
    """Return a channel that has a body that was read, and then what the client sends. It notices one that leaves."""
    waiting: list[bytes] = [] if content is None else [content]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        message = await receive()
        if message["type"] == "http.disconnect" and not response.is_complete:
            response.has_left = True
        return message

    return replay
