"""Title of the login page, which Gradio leaves without one: screen readers and tabs then show the address."""

import html
from typing import Any

from pangea_cultural.utils.net.bodies import change_body, has_type

HEAD = b"<head>"


class Titled:
    """ASGI middleware that gives an HTML page at `/` a title. Gradio's script replaces it after the login.

    Args:
        app: the application.
        title: the title.
    """

    def __init__(self, app: Any, title: str) -> None:
        self._app = app
        self._added = HEAD + f"<title>{html.escape(title)}</title>".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] == "/":
            send = change_body(send, self._titled, lambda start: has_type(start["headers"], b"text/html"))
        await self._app(scope, receive, send)

    def _titled(self, page: bytes) -> bytes:
        return page.replace(HEAD, self._added, 1)
