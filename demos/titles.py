"""Title of the login page, which Gradio leaves without one: screen readers and tabs then show the address."""

import html
from typing import Any

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
        if scope["type"] != "http" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        start: dict[str, Any] = {}

        async def titled(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body = message.get("body", b"")
            if start and HEAD in body and _is_page(start) and not message.get("more_body"):
                body = body.replace(HEAD, self._added, 1)
                length = (b"content-length", str(len(body)).encode())
                start["headers"] = [*(pair for pair in start["headers"] if pair[0].lower() != length[0]), length]
            if start:
                await send(dict(start))
                start.clear()
            await send(message | {"body": body})

        await self._app(scope, receive, titled)


def _is_page(start: dict[str, Any]) -> bool:
    return any(key.lower() == b"content-type" and value.startswith(b"text/html") for key, value in start["headers"])
