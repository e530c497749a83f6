"""Protection of a page: allowed names of hosts, requests of the page alone, and headers for the browser."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from demos.requests import Arrivals, is_foreign, refusal

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
    # With no-referrer, browsers would hide the page's own origin, which is checked.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII | re.IGNORECASE)
REFUSED = "This page has another name. Open it by its address, or allow the name with --allow-host."


class Protection:
    """ASGI middleware that answers requests of the page to allowed hosts only, and adds headers to each response.

    A web site whose name resolves to this machine would otherwise read the page as its own (DNS rebinding). An address
    in digits needs no name, so that it is always allowed.

    Args:
        app: the application.
        host: the address that the page listens on.
        hosts: further allowed names, without ports.
        uploads: folder of uploads, whose size is limited; None for no limit.
    """

    def __init__(self, app: Any, host: str = "", hosts: Iterable[str] = (), uploads: Path | None = None) -> None:
        self._app = app
        self._added = {name.lower() for name in hosts}
        self._hosts = {"localhost", socket.gethostname().lower(), host.lower()} | self._added
        self._arrivals = Arrivals(uploads)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        status, reason = self._refusal(scope)
        if status:
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": reason.encode()})
            return

        async def protected(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
                kept = [(key, value) for key, value in message["headers"] if key.decode().lower() not in HEADERS]
                message = message | {"headers": kept + added}
            await send(message)

        with self._arrivals.counted(scope):
            await self._app(scope, receive, protected)

    def _refusal(self, scope: Any) -> tuple[int, str]:
        """Return status and reason if a request is refused; 0 and an empty text for others."""
        named = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
        if len(named) != 1 or not self.allows(named[0]):
            return 421, REFUSED
        if is_foreign(scope, named[0], self._added):
            return 403, "This request comes from another web site. Allow its name with --allow-host."
        return refusal(scope) or self._arrivals.refusal(scope) or (0, "")

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
