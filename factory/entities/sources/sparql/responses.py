"""What the answers of a SPARQL server stand for: rows, too much, try again, or give up.

The query service begins to answer before it knows whether it will be in time: half an answer can come with status 200.
"""

import http.client
import json
import re
import time
import urllib.error
from dataclasses import dataclass
from typing import Any, Literal

from factory.entities.base import TooMuchError
from factory.entities.sources.sparql.documents import Row
from factory.net.errors import EndpointDownError
from factory.net.retry import retry_after_s
from pangea_cultural.errors import UserError

_SERVER_TIMEOUT = re.compile(rb"time[ds]?[ -]?out|TimeoutException|deadline", re.IGNORECASE)
_CHUNK_BYTES = 1 << 16
_BODY_BYTES = 4000
"""Of an error page, which says why; the rest is stack traces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Politeness:
    """How often and how long a server is asked. Times are in seconds."""

    pause_s: float = 1.0
    """Between the end of a query and the next one."""
    timeout_s: float = 65.0
    """For a whole answer; more than the 60 s after which the query service gives up by itself."""
    tries: int = 5
    backoff_s: float = 5.0
    """First wait after a failure; it doubles, with jitter."""
    busy_s: float = 60.0
    """Wait after "too many requests" without a time."""
    longest_wait_s: float = 900.0
    """A server that wants to be left alone for longer ends the build."""
    max_bytes: int = 64 << 20
    """Of one answer."""


class FailedError(Exception):
    """A try without an answer.

    Args:
        reason: what happened.
        kind: `down` where nobody was reached, `busy` where we shall wait, `broken` where the server failed, `slow`
            where it said nothing in time. All but `slow` are tried again.
        wait_s: how long the server wants us to wait.
    """

    def __init__(
        self, reason: str, kind: Literal["down", "busy", "broken", "slow"], *, wait_s: float | None = None
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.wait_s = wait_s


def body_of(response: Any, deadline: float, max_bytes: int) -> bytes:
    """The body of an answer; a server that drips holds nobody up for longer than the time-out.

    Args:
        response: the open HTTP answer.
        deadline: moment of the monotonic clock at which to give up.
        max_bytes: largest body that is read.

    Raises:
        TooMuchError: the body is too large, or comes too slowly. (One that ends too early is broken JSON.)
    """
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise TooMuchError("answer too large")
        if time.monotonic() > deadline:
            raise TooMuchError("answer took too long")
    return bytes(body)


def refusal(host: str, error: urllib.error.HTTPError, politeness: Politeness) -> Exception:
    """What an HTTP error stands for: the exception to raise, `FailedError` where another try may help."""
    body = _error_body(error)
    says = " ".join(re.sub(r"<[^>]*>", " ", body.decode("utf-8", "replace")).split())[:200] or error.reason
    if error.code == 403:
        return UserError(f"{host} has shut us out: {says!r}; wait until it lets us in again, then rerun")
    # QLever says 429 for a query that took too long; a gateway's 503 can speak of time-outs that are none of ours.
    busy = error.code == 503 or (error.code == 429 and "Retry-After" in error.headers)
    if not busy and (error.code in (408, 504) or _SERVER_TIMEOUT.search(body)):
        return TooMuchError(f"the server timed out (HTTP {error.code})")
    if error.code in (429, 503):
        return _busy(host, error, politeness)
    if 300 <= error.code < 400:
        return UserError(f"{host} has moved to {error.headers.get('Location')!r}: name that in the recipe")
    if error.code >= 500:
        return FailedError(f"HTTP {error.code}: {says}", "broken")
    return UserError(f"{host} refuses a query (HTTP {error.code}: {says}); check the source's url")


def _busy(host: str, error: urllib.error.HTTPError, politeness: Politeness) -> Exception:
    told_s = retry_after_s(error.headers.get("Retry-After"), error.headers.get("Date"))
    wait_s = politeness.busy_s if told_s is None else told_s
    if wait_s > politeness.longest_wait_s:
        return EndpointDownError(host, f"asks to wait {wait_s:.0f} s (HTTP {error.code})")
    return FailedError(f"HTTP {error.code}", "busy", wait_s=wait_s)


def _error_body(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_BODY_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def rows_of(body: bytes, content_type: str) -> list[Row]:
    """The rows of SPARQL's JSON results.

    Raises:
        TooMuchError: the JSON is broken: the server ran out of time after it had begun to answer.
        FailedError: it is a web page.
    """
    if "html" in content_type:
        raise FailedError("a web page instead of results; check the source's url", "down")
    try:
        rows = json.loads(body)["results"]["bindings"]
    except (ValueError, RecursionError) as error:
        raise TooMuchError("answer cut off or garbled") from error
    except (KeyError, TypeError) as error:
        raise UserError("an answer without results; check the source's url") from error
    if not isinstance(rows, list):
        raise UserError("an answer without results; check the source's url")
    return rows
