"""Connections whose requests do not begin or end: too slow or too long headers, and clients that do not read.

uvicorn has no time limit for headers or for reading answers, and with httptools no size limit. A middleware sees a
request only after its headers. So uvicorn's own class of connections gets the limits. Bodies that come too slowly are
the matter of `body`.
"""

import asyncio
import logging
from typing import Any

from serve.gateway.errors import shaped
from serve.gateway.metrics import REFUSALS

MAX_HEAD = 64_000
"""Bytes of the headers of a request."""
BODY_PER_REST = 4
"""Bytes of a body that allow one further byte, which is neither of the headers nor of the body: lengths of chunks."""
MAX_WAITING = 64
"""Requests that a client sends before the answer to an earlier one. Each takes a hundred times its bytes in memory."""
END_S = 5
"""Seconds in which connections are closed, after vLLM's own time for running requests. They could last for ever."""
INVALID = "http"
"""Reason of the refusal of what is not HTTP."""
MESSAGE = "The request is not valid HTTP. Correct it."
LOGGER = logging.getLogger(__name__)
UVICORN = logging.getLogger("uvicorn.error")
_BASE: Any = object
"""Base of `_Limits` in this file. Its methods are those of uvicorn's classes, which vLLM chooses at its start."""


def limit_connections(app: Any, wait_s: float, max_head: int = MAX_HEAD) -> None:
    """Give further connections of a server the limits.

    Args:
        app: vLLM's application. Its state has uvicorn's server, whose settings have the class of connections.
        wait_s: seconds from connecting, or from the first byte of a further request, to the end of its headers. Also
            the seconds in which a client must read a part of its answer.
        max_head: bytes of the headers.
    """
    # Counters tell what is refused. Strangers would fill the disk with these lines.
    UVICORN.addFilter(_is_no_refusal)
    try:
        config = app.state.server.config
        config.http_protocol_class = limited(config.http_protocol_class, wait_s, max_head)
        # A request to change to a WebSocket is then refused like any other: no route has one.
        config.ws_protocol_class = None
        config.timeout_graceful_shutdown = END_S
    except AttributeError:
        LOGGER.exception("Slow connections are not closed.")


def limited(kind: type[Any], wait_s: float, max_head: int) -> type[Any]:
    """Return a class of connections with limits for headers and for clients that do not read.

    Args:
        kind: uvicorn's class for HTTP, of either parser.
        wait_s: seconds for the headers of a request, and for reading a part of an answer.
        max_head: bytes of the headers of a request.
    """
    settings = {
        "_pcult_wait_s": wait_s,
        "_pcult_max_head": max_head,
        "_pcult_has_parts": hasattr(kind, "on_body"),
    }
    return type("LimitedConnection", (_Limits, kind), settings)


class _Limits(_BASE):  # type: ignore[misc]
    """Part of a connection that closes it if headers are too slow or too long, or if the client does not read.

    It stands before one of uvicorn's classes in a class's bases.
    """

    _pcult_wait_s: float
    """Seconds for the headers of a request, and for reading a part of an answer."""
    _pcult_max_head: int
    """Bytes of the headers of a request."""
    _pcult_has_parts: bool
    """Whether the parser hands over bodies. The other one has limits of its own for what follows a body or request."""
    _pcult_timer: asyncio.TimerHandle | None = None
    _pcult_reader: asyncio.TimerHandle | None = None
    _pcult_bytes = 0.0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._pcult_wait()

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the parser, and count those that are not of a body: headers, trailers, further requests."""
        request = self.cycle
        is_head = request is None or request.response_complete
        if is_head or self._pcult_has_parts:
            self._pcult_bytes += len(data)
        super().data_received(data)
        if self._pcult_has_parts and len(self.pipeline) > MAX_WAITING:
            self._pcult_close()
        if self.cycle is not request:
            self._pcult_end()
            return
        if is_head:
            self._pcult_wait()
        if self._pcult_bytes > self._pcult_max_head:
            self._pcult_close()

    def on_body(self, body: bytes) -> None:
        """Do not count the bytes of a body."""
        self._pcult_bytes -= len(body) + len(body) / BODY_PER_REST
        super().on_body(body)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        if self._pcult_reader is None:
            self._pcult_reader = self.loop.call_later(self._pcult_wait_s, self._pcult_close)

    def resume_writing(self) -> None:
        """End this wait."""
        self._pcult_end_reader()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the waits."""
        self._pcult_end()
        self._pcult_end_reader()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the shape of all refusals."""
        REFUSALS.labels(INVALID).inc()
        content = shaped(400, MESSAGE, None, INVALID)
        head = f"content-type: application/json\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head.encode() + content)
        self.transport.close()

    def _pcult_wait(self) -> None:
        if self._pcult_timer is None:
            self._pcult_timer = self.loop.call_later(self._pcult_wait_s, self._pcult_close)

    def _pcult_end(self) -> None:
        self._pcult_bytes = 0
        if self._pcult_timer is not None:
            self._pcult_timer.cancel()
            self._pcult_timer = None

    def _pcult_end_reader(self) -> None:
        if self._pcult_reader is not None:
            self._pcult_reader.cancel()
            self._pcult_reader = None

    def _pcult_close(self) -> None:
        self._pcult_end()
        # Not `close`: it would wait for a client that does not read.
        self.transport.abort()


def _is_no_refusal(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(
        ("Invalid HTTP request", "Unsupported upgrade request", "No supported WebSocket library")
    )
