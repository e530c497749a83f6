"""Responses of SPARQL endpoints: rows, and the errors of everything else.

A server sends the head of an answer before it knows whether it finishes in time. A truncated answer can have status
200.
"""

import functools
import io
import re
import urllib.response
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from SPARQLWrapper import JSON
from SPARQLWrapper.Wrapper import QueryResult

from factory.entities.base import IncompleteAnswerError
from factory.entities.sources.sparql.documents import Row
from factory.net.errors import HTTP_STATUS, RequestError
from factory.net.limits import HostLimits
from factory.net.responses import THROTTLED, Response, ResponseSpec
from factory.net.retry import RetryPolicy
from pangea_cultural.endpoint.retry_after import retry_after_s
from pangea_cultural.errors import UserError

_SERVER_TIMEOUT = re.compile(r"time[ds]?[ -]?out|TimeoutException|deadline", re.IGNORECASE)
NO_RESULTS = "{} sent an answer without results. Check the source's url."


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryLimits:
    """Rate, retries and sizes of queries. Times are in seconds."""

    pause_s: float = 1.0
    """Pause between the end of a query and the next one."""
    timeout_s: float = 65.0
    """Timeout of an answer. The query service stops after 60 s."""
    tries: int = 5
    backoff_s: float = 5.0
    """First back-off. It doubles with each attempt, and jitter changes it by up to half."""
    busy_s: float = 60.0
    """Wait after status 429 or 503 without Retry-After."""
    max_retry_after_s: float = 900.0
    """Longest accepted Retry-After. A longer one stops the build."""
    max_bytes: int = 64 << 20
    """Size limit of an answer."""

    def host_limits(self) -> HostLimits:
        """Return the limits of the host: one query at a time."""
        return HostLimits(connections=1, pause_s=self.pause_s)

    def retry_policy(self) -> RetryPolicy:
        """Return the retry policy. Back-offs are uniform between half and one and a half of the doubling time."""
        return RetryPolicy(
            tries=self.tries,
            base_s=1.5 * self.backoff_s,
            jitter=2 / 3,
            max_backoff_s=1.5 * self.backoff_s * 2**self.tries,
            max_retry_after_s=self.max_retry_after_s,
            connect_s=min(30.0, self.timeout_s),
            stall_s=self.timeout_s,
            total_s=self.timeout_s,
            min_bytes_per_second=0,
        )


def results(host: str, limits: QueryLimits) -> ResponseSpec[list[Row]]:
    """Return the specification of SPARQL's JSON results. Incomplete answers are not retried but split."""
    return ResponseSpec(
        name="results",
        types=("application/sparql-results+json", "application/json"),
        max_bytes=limits.max_bytes,
        read=functools.partial(_rows, host),
        status_error=functools.partial(_status_error, host, limits.busy_s),
        follow_redirects=False,
        retry_incomplete=False,
    )


def _status_error(host: str, busy_s: float, status: int, headers: Mapping[str, str], beginning: str) -> Exception:
    """Return the exception for an error status: `RequestError` if a retry may help."""
    message = " ".join(re.sub(r"<[^>]*>", " ", beginning).split())[:200]
    if status == 403:
        return UserError(f"{host} has blocked this client: {message!r}. Rerun after the block ends.")
    # QLever sends 429 for a query that took too long. A gateway's 503 may mention timeouts of other clients.
    busy = status == 503 or (status == 429 and "Retry-After" in headers)
    if not busy and (status in (408, 504) or _SERVER_TIMEOUT.search(beginning)):
        return IncompleteAnswerError(f"the server timed out (HTTP {status})")
    if status in THROTTLED:
        wait_s = retry_after_s(headers.get("Retry-After"), headers.get("Date"))
        return RequestError(
            reason=HTTP_STATUS.format(status),
            status=status,
            throttled=True,
            retry_after_s=busy_s if wait_s is None else wait_s,
        )
    if 300 <= status < 400:
        return UserError(f"{host} has moved to {headers.get('Location')!r}. Change the source's url in the recipe.")
    if status >= 500:
        return RequestError(reason=HTTP_STATUS.format(status), detail=message, status=status)
    return UserError(f"{host} refuses a query (HTTP {status}: {message}). Check the source's url.")


def _rows(host: str, response: Response) -> list[Row]:
    """Return the rows of SPARQL's JSON results.

    Raises:
        IncompleteAnswerError: the JSON is broken because the server ran out of time.
        UserError: the JSON has no results.
    """
    head = Message()
    for name, value in response.headers.items():
        head[name] = value
    stream: Any = urllib.response.addinfourl(io.BytesIO(response.content), head, response.url)
    try:
        content: Any = QueryResult((stream, JSON)).convert()
        rows = content["results"]["bindings"]
    except (ValueError, RecursionError) as error:
        raise IncompleteAnswerError("answer truncated or garbled") from error
    except (KeyError, TypeError) as error:
        raise UserError(NO_RESULTS.format(host)) from error
    if not isinstance(rows, list):
        raise UserError(NO_RESULTS.format(host))
    return rows
