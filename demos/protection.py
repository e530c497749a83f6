"""Protection of a page against other web sites: allowed names of hosts, and headers for the browser."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Any

POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio has inline scripts and styles, and compiles templates.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self' data: blob:",
        "frame-src 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
"""Content-Security-Policy: a page loads from its own server only, and no other site shows it in a frame."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII | re.IGNORECASE)
REFUSED = b"This page has another name. Open it by its address, or allow the name with --allow-host."


class Protection:
    """ASGI middleware that answers requests to allowed hosts only, and adds headers to each response.

    A web site whose name resolves to this machine would otherwise read the page as its own (DNS rebinding). An address
    in digits needs no name, so that it is always allowed.

    Args:
        app: the application.
        hosts: allowed names, without ports.
    """

    def __init__(self, app: Any, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = {"localhost", socket.gethostname().lower()} | {name.lower() for name in hosts}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        named = [value for key, value in scope["headers"] if key == b"host"]
        if len(named) != 1 or not self.allows(named[0].decode("latin-1")):
            await send({"type": "http.response.start", "status": 421, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": REFUSED})
            return

        async def protected(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
                kept = [(key, value) for key, value in message["headers"] if key.decode().lower() not in HEADERS]
                message = message | {"headers": kept + added}
            await send(message)

        await self._app(scope, receive, protected)

    def allows(self, host: str) -> bool:
        """Return whether a Host header names this page."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["name"].strip("[]").rstrip(".").lower()
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._hosts
        return True
