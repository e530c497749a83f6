"""What an answer should be, and the faults of one that is something else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from factory.net.errors import FaultError
from factory.net.retry import retry_after_s

T = TypeVar("T")
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
THROTTLED = frozenset({429, 503})
NO_THUMBNAIL = "Error creating thumbnail"
"""What MediaWiki says when it cannot scale a file, with one status or another: asking again does not help."""
BUSY = frozenset({"maxlag", "ratelimited", "readonly", "query-throttled"})
"""Errors of the MediaWiki API that pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A whole answer with status 200."""

    url: str
    """After redirects."""
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Expect(Generic[T]):
    """What an answer should be."""

    what: str
    """For people: "image", "JSON"."""
    types: tuple[str, ...]
    """Beginnings of the content types that it can have."""
    max_bytes: int
    read: Callable[[Answer], T]
    """Makes a value of it; raises `FaultError` where the answer is not what it should be."""

    def check_type(self, content_type: str) -> None:
        """Check the header, before the body is read."""
        name = content_type.split(";")[0].strip().lower()
        if name == "text/html":
            raise self._html()
        if not name.startswith(self.types):
            raise FaultError(reason=f"wrong content type: {name or 'none'}")

    def check_content(self, content: bytes) -> None:
        """Check that a body is no web page under a wrong header."""
        if content[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise self._html()

    def _html(self) -> FaultError:
        return FaultError(reason=f"an HTML page instead of {self.what}")


def status_fault(status: int, headers: Mapping[str, str], beginning: str) -> FaultError:
    """The fault of an answer with an error status; `beginning` is of its body."""
    scaled = NO_THUMBNAIL.lower() not in beginning.lower()
    return FaultError(
        reason=f"HTTP {status}" if scaled else "the server cannot make a thumbnail",
        detail=" ".join(beginning.split())[:200],
        status=status,
        retry=status in RETRIED and scaled,
        throttled=status in THROTTLED,
        retry_after_s=retry_after_s(headers.get("Retry-After"), headers.get("Date")),
    )


def image(max_bytes: int) -> Expect[bytes]:
    """Expect an image of any format."""
    return Expect(what="an image", types=("image/",), max_bytes=max_bytes, read=lambda answer: answer.content)


def mediawiki(max_bytes: int = 32_000_000) -> Expect[dict[str, Any]]:
    """Expect an answer of the MediaWiki API; errors that pass are retried, others are not."""
    return Expect(what="JSON", types=("application/json",), max_bytes=max_bytes, read=_read_mediawiki)


def _read_mediawiki(answer: Answer) -> dict[str, Any]:
    try:
        content = orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        raise FaultError(reason="broken JSON", detail=str(error)) from error
    if not isinstance(content, dict):
        raise FaultError(reason="not an answer of the MediaWiki API", retry=False)
    if "error" not in content:
        return content
    code, info = (str(content["error"].get(key, "")) for key in ("code", "info"))
    raise FaultError(
        reason=f"API error: {code}",
        detail=info,
        retry=code in BUSY or code.startswith("internal_api_error"),
        throttled=code in BUSY,
        retry_after_s=retry_after_s(answer.headers.get("Retry-After"), answer.headers.get("Date")),
    )
