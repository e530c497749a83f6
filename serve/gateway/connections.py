"""Connections that send no complete request: they are closed after a time.

uvicorn has no time limit for headers, and a middleware sees a request only after them. So a task looks at the server's
connections. Bodies that come too slowly are the matter of `body`.
"""

import asyncio
import logging
from typing import Any

PERIOD_S = 5.0
LOGGER = logging.getLogger(__name__)


class Sweeper:
    """Closes connections that have waited too long for a request.

    Args:
        app: vLLM's application; its state has the server.
        wait_s: seconds from connecting, or from the last answer, to the end of the next request's headers.
        period_s: seconds between two looks.
    """

    def __init__(self, app: Any, wait_s: float, period_s: float = PERIOD_S) -> None:
        self._app, self._wait_s, self._period_s = app, wait_s, period_s
        self._waiting: dict[Any, tuple[Any, float]] = {}

    async def run(self) -> None:
        """Look at the connections until the task is cancelled."""
        while True:
            await asyncio.sleep(self._period_s)
            try:
                self.sweep(asyncio.get_running_loop().time())
            # The attributes are uvicorn's own. Without them nothing is closed, and the service continues.
            except (AttributeError, TypeError):
                LOGGER.exception("Slow connections are not closed.")
                return

    def sweep(self, now: float) -> None:
        """Close the connections that have waited too long at `now`, in seconds of the loop's clock."""
        waiting = {}
        for connection in list(self._app.state.server.server_state.connections):
            request = connection.cycle
            if request is not None and not request.response_complete:
                continue
            last, since = self._waiting.get(connection, (request, now))
            if last is not request:
                since = now
            if now - since > self._wait_s:
                connection.transport.close()
            else:
                waiting[connection] = (request, since)
        self._waiting = waiting
