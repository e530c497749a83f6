"""The end of the server: running requests are finished, new ones are refused.

vLLM ends its tokenizers first, so that a new request would get an error of the server. It then waits for the running
ones. A middleware is not told of either, hence the engine's own function is wrapped.
"""

import logging
from typing import Any

from serve.gateway.errors import RefusedError

PAUSE_S = 10
"""Pause after which a client may ask again: another server may have the port by then."""
LOGGER = logging.getLogger(__name__)


class Draining:
    """The state of the end of a server."""

    def __init__(self) -> None:
        self.began = False

    def watch(self, app: Any) -> None:
        """Notice the end of an application's engine.

        Args:
            app: vLLM's application; its state has the engine.
        """
        try:
            engine = app.state.engine_client
            shutdown = engine.shutdown
        except AttributeError:
            LOGGER.exception("Requests during the end of the server are not refused.")
            return

        def begin(*arguments: Any, **options: Any) -> Any:
            self.began = True
            return shutdown(*arguments, **options)

        engine.shutdown = begin

    def refusal(self) -> RefusedError:
        """Return the refusal of a new request."""
        message = "The server is ending. Ask again when it has started, or ask another one."
        return RefusedError(503, "ending", message, headers={"retry-after": str(PAUSE_S)}, closes=True)
