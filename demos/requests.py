"""Requests that a page answers: those that its own script sends, within limits of size.

Gradio has many further addresses. Some of them call functions without the queue and its limits.
"""

import contextlib
import os
import urllib.parse
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

API = "/gradio_api"
UPLOAD = f"{API}/upload"
PAGE = frozenset(("/", "/config", "/theme.css", "/manifest.json", "/favicon.ico", "/robots.txt"))
LOGIN = frozenset(("/login", "/logout"))
EVENTS = frozenset(
    f"{API}/{name}"
    for name in ("queue/join", "queue/data", "cancel", "reset", "upload", "upload_progress", "startup-events", "app_id")
)
FOLDERS = ("/assets/", "/static/", "/svelte/", f"{API}/file=", f"{API}/heartbeat/")
MOST_BYTES = 1_000_000
"""Size of a request. Those of the page have a few kilobytes."""
MOST_UPLOAD_BYTES = 36_000_000
"""Size of an upload. It is above Gradio's limit for one file, whose message is better."""
MOST_STORED_BYTES = 2_000_000_000
"""Size of all uploads that are not yet deleted. They would otherwise fill the disk."""
BLOCK = 4096
"""Bytes that an empty file takes."""

Refusal = tuple[int, str]
"""Status and reason."""


def refusal(scope: Any) -> Refusal | None:
    """Return why the page does not answer a request; None if it does."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if path not in PAGE | LOGIN | EVENTS and not path.startswith(FOLDERS):
        return 404, "This page has no such address."
    if scope.get("method", "GET") in ("GET", "HEAD", "OPTIONS"):
        return None
    size = _size(scope)
    if size is None:
        return 411, "The size of the request is missing."
    if size > (MOST_UPLOAD_BYTES if path == UPLOAD else MOST_BYTES):
        return 413, "The request is too large."
    return None


def is_foreign(scope: Any, host: str, allowed: Collection[str]) -> bool:
    """Return whether another web site sends a request, by the origin that browsers state.

    A browser sends a form or a file to any site without asking it, with the cookie of a login.

    Args:
        scope: the request.
        host: its Host header.
        allowed: further names by which browsers open the page, such as that of a proxy.
    """
    stated = [value.decode("latin-1").lower() for key, value in scope["headers"] if key == b"origin"]
    if not stated:
        return False
    with contextlib.suppress(ValueError):
        origin = urllib.parse.urlsplit(stated[0])
        return len(stated) > 1 or (origin.netloc != host.lower() and origin.hostname not in allowed)
    return True


class Arrivals:
    """Uploads that arrive, and those that are stored.

    Args:
        folder: folder of uploads; None for no limit.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._arriving = 0

    def refusal(self, scope: Any) -> Refusal | None:
        """Return why an upload has to wait; None if it does not, and for other requests."""
        if self._folder is None or not _is_upload(scope):
            return None
        if _stored(self._folder) + self._arriving + (_size(scope) or 0) > MOST_STORED_BYTES:
            return 503, "Too many files are stored. Try again in some minutes."
        return None

    @contextlib.contextmanager
    def counted(self, scope: Any) -> Iterator[None]:
        """Count the size of an upload while it arrives."""
        size = (_size(scope) or 0) if _is_upload(scope) else 0
        self._arriving += size
        try:
            yield
        finally:
            self._arriving -= size


def _is_upload(scope: Any) -> bool:
    return bool(scope["path"].endswith(UPLOAD)) and scope.get("method") == "POST"


def _size(scope: Any) -> int | None:
    """Return the size of a request in bytes; None if it is not stated."""
    stated = [value for key, value in scope["headers"] if key == b"content-length"]
    return int(stated[0]) if len(stated) == 1 and stated[0].isdigit() else None


def _stored(folder: Path) -> int:
    """Return the size of the files in a folder."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += max(BLOCK, (Path(parent) / name).stat().st_size)
    return total
