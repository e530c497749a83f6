"""Connections whose requests do not begin: too slow or too long headers.

uvicorn has no time limit for headers, and with httptools no size limit. A middleware sees a request only after them. So
uvicorn's own class of connections gets both limits. Bodies that come too slowly are the matter of `body`.
"""

import asyncio
import logging
from typing import Any

MAX_HEAD = 64_000
"""Bytes of the headers of a request."""
LOGGER = logging.getLogger(__name__)


def limit_connections(app: Any, wait_s: float, max_head: int = MAX_HEAD) -> None:
    """Give further connections of a server the limits.

    Args:
        app: vLLM's application. Its state has uvicorn's server, whose settings have the class of connections.
        wait_s: seconds from connecting, or from the first byte of a further request, to the end of its headers.
        max_head: bytes of the headers.
    """
    try:
        config = app.state.server.config
        config.http_protocol_class = limited(config.http_protocol_class, wait_s, max_head)
    except AttributeError:
        LOGGER.exception("Slow connections are not closed.")


def limited(kind: type[Any], wait_s: float, max_head: int) -> type[Any]:
    """Return a class of connections with limits for headers.

    Args:
        kind: uvicorn's class for HTTP, of either parser.
        wait_s: seconds for the headers of a request.
        max_head: bytes of the headers of a request.
    """

    class LimitedConnection(kind):  # type: ignore[misc]
        """Connection that is closed if the headers of a request are too slow or too long."""

        _pcult_timer: asyncio.TimerHandle | None = None
        _pcult_bytes = 0

        def connection_made(self, transport: Any) -> None:
            """Begin to wait for the first request."""
            super().connection_made(transport)
            self._pcult_wait()

        def data_received(self, data: bytes) -> None:
            """Pass bytes to the parser, and count those of headers."""
            request = self.cycle
            is_head = request is None or request.response_complete
            super().data_received(data)
            if self.cycle is not request:
                self._pcult_end()
            elif is_head:
                self._pcult_wait()
                self._pcult_bytes += len(data)
                if self._pcult_bytes > max_head:
                    self._pcult_close()

        def connection_lost(self, exc: Exception | None) -> None:
            """End the wait."""
            self._pcult_end()
            super().connection_lost(exc)

        def _pcult_wait(self) -> None:
            if self._pcult_timer is None:
                self._pcult_timer = self.loop.call_later(wait_s, self._pcult_close)

        def _pcult_end(self) -> None:
            self._pcult_bytes = 0
            if self._pcult_timer is not None:
                self._pcult_timer.cancel()
                self._pcult_timer = None

        def _pcult_close(self) -> None:
            self._pcult_end()
            # Not `close`: it would wait for a client that does not read.
            self.transport.abort()

    return LimitedConnection
