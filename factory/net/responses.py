"""Response specifications: expected content, and the errors of anything else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from factory.net.errors import CONTENT_TYPE, HTTP_STATUS, RequestError
from pangea_cultural.endpoint.retry_after import retry_after_s

T = TypeVar("T")
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
THROTTLED = frozenset({429, 503})
NO_THUMBNAIL = "Error creating thumbnail"
"""MediaWiki's message for a file that it cannot scale. The status differs, and a retry does not help."""
CANNOT_SCALE = "the server cannot make a thumbnail"
API_ERROR = "API error: {}"
HTML_PAGE = "an HTML page instead of {}"
BUSY = frozenset({"maxlag", "ratelimited", "readonly", "query-throttled"})
"""Transient errors of the MediaWiki API."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A complete response with status 200."""

    url: str
    """URL after redirects."""
    headers: Mapping[str, str]
    content: bytes


def status_error(status: int, headers: Mapping[str, str], beginning: str) -> Exception:
    """Return the error of a response with an error status. `beginning` is the beginning of its body."""
    scaled = NO_THUMBNAIL.lower() not in beginning.lower()
    return RequestError(
        reason=HTTP_STATUS.format(status) if scaled else CANNOT_SCALE,
        detail=" ".join(beginning.split())[:200],
        status=status,
        retry=status in RETRIED and scaled,
        throttled=status in THROTTLED,
        retry_after_s=retry_after_s(headers.get("Retry-After"), headers.get("Date")),
    )


@dataclass(frozen=True, kw_only=True)
class ResponseSpec(Generic[T]):
    """Expected response of a request."""

    name: str
    """Name in error messages, such as "an image" or "JSON"."""
    types: tuple[str, ...]
    """Accepted beginnings of the content type."""
    max_bytes: int
    read: Callable[[Response], T]
    """Converts the response to a value. Raises `RequestError` if the content is wrong."""
    status_error: Callable[[int, Mapping[str, str], str], Exception] = status_error
    """Makes the exception for an error status from status, headers and the beginning of the body."""
    follow_redirects: bool = True
    """Whether to follow redirects. Otherwise a redirect is an error status."""
    retry_incomplete: bool = True
    """Whether to retry after a timeout or a truncated or slow body."""

    def check_type(self, content_type: str) -> None:
        """Check the Content-Type header before the body is read.

        Raises:
            RequestError: the type is not one of `types`.
        """
        name = content_type.split(";")[0].strip().lower()
        if name == "text/html":
            raise self._html()
        if not name.startswith(self.types):
            raise RequestError(reason=CONTENT_TYPE, detail=name[:200] or "none")

    def check_content(self, content: bytes) -> None:
        """Check that a body is not an HTML page with another content type.

        Raises:
            RequestError: the body is an HTML page.
        """
        if content[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise self._html()

    def _html(self) -> RequestError:
        return RequestError(reason=HTML_PAGE.format(self.name))


def image(max_bytes: int) -> ResponseSpec[bytes]:
    """Return the specification of an image in any format."""
    return ResponseSpec(name="an image", types=("image/",), max_bytes=max_bytes, read=lambda response: response.content)


def mediawiki(max_bytes: int = 32_000_000) -> ResponseSpec[dict[str, Any]]:
    """Return the specification of a MediaWiki API response. Only transient API errors are retried."""
    return ResponseSpec(name="JSON", types=("application/json",), max_bytes=max_bytes, read=_read_mediawiki)


def _read_mediawiki(response: Response) -> dict[str, Any]:
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise RequestError(reason="broken JSON", detail=str(error)) from error
    if not isinstance(content, dict):
        raise RequestError(reason="not an answer of the MediaWiki API", retry=False)
    # A gateway's own error, with status 200.
    if isinstance(status := content.get("httpCode"), int):
        raise status_error(status, response.headers, str(content.get("httpReason", "")))
    if "error" not in content:
        return content
    problem = content["error"]
    if not isinstance(problem, dict):
        raise RequestError(reason=API_ERROR.format("without a code"), detail=str(problem)[:200], throttled=True)
    code, info = (str(problem.get(key, "")) for key in ("code", "info"))
    raise RequestError(
        reason=API_ERROR.format(code),
        detail=info,
        retry=code in BUSY or code.startswith("internal_api_error"),
        throttled=code in BUSY,
        retry_after_s=retry_after_s(response.headers.get("Retry-After"), response.headers.get("Date")),
    )
