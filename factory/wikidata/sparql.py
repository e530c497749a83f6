"""A polite client of a SPARQL endpoint, on SPARQLWrapper: one query at a time, no broken answer taken for whole."""

import http.client
import json
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import tenacity
from SPARQLWrapper import JSON, POST, SPARQLWrapper
from SPARQLWrapper import __version__ as wrapper_version

from factory import addresses
from factory.wikidata import queries
from factory.wikidata.rdf import Row
from pangea_cultural.errors import UserError

# WDQS gives up after 60 s; the trace of its exception can follow half an answer.
_SERVER_TIMEOUT = re.compile(rb"time[ds]?[ -]?out|TimeoutException|deadline", re.IGNORECASE)
_CHUNK_BYTES = 1 << 16
_BODY_BYTES = 4000
"""Of an error page, which says why; the rest is stack traces."""


class TooMuchError(Exception):
    """The server could not answer completely; ask for less."""


class EndpointDownError(UserError):
    """The server does not answer at all."""


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


class _FailedError(Exception):
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


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects become errors: after one, POST would turn into GET and lose the query, or go where it must not."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


class _Wrapper(SPARQLWrapper):
    """SPARQLWrapper with an opener of ours; its own hides headers of errors, follows redirects and uses proxies."""

    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    timeout_s: float | None = None

    def _query(self) -> tuple[Any, str]:
        return self.opener.open(self._createRequest(), timeout=self.timeout_s), self.returnFormat


class Endpoint:
    """A SPARQL endpoint."""

    def __init__(
        self,
        url: str,
        *,
        contact: str = "",
        politeness: Politeness | None = None,
        private_hosts: Collection[str] = (),
        seed: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare for queries; nothing is sent yet.

        Raises:
            UserError: the address is none, is a private one, or wants a contact.
        """
        self.agent = addresses.user_agent(url, contact, f"SPARQLWrapper/{wrapper_version}")
        self.url = url
        self.host = ":".join(str(part) for part in addresses.host_of(url)).removesuffix(":443").removesuffix(":80")
        self.politeness = politeness or Politeness()
        self.private_hosts = private_hosts
        self._random = random.Random(seed)
        self._sleep = sleep
        self._free_at = 0.0

    def select(self, query: str) -> list[Row]:
        """The rows of a query.

        Raises:
            TooMuchError: the answer took too long, is too large, or was cut off.
            EndpointDownError: the server cannot be reached, or answers nothing whatever it is asked.
            UserError: the server refuses to answer.
        """
        addresses.refuse_private(self.url, self.private_hosts)
        try:
            return self._persistently(query)
        except _FailedError as error:
            if error.kind == "down":
                raise self._down(error) from error
            if error.kind == "busy":
                raise UserError(f"{self.host} is still busy ({error}): {_KEPT}, later") from error
            self._probe(error)
            raise TooMuchError(str(error)) from error

    def _persistently(self, query: str) -> list[Row]:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, _FailedError) and e.kind != "slow"),
            stop=tenacity.stop_after_attempt(self.politeness.tries),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._once, query)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _FailedError) and error.wait_s is not None:
            return error.wait_s
        return self.politeness.backoff_s * 2 ** (state.attempt_number - 1) * self._random.uniform(0.5, 1.5)

    def _probe(self, error: _FailedError) -> None:
        """Tell a slice that is too large from a server that answers nothing any more."""
        try:
            self._persistently(queries.PROBE)
        except (_FailedError, TooMuchError) as second:
            raise self._down(second) from error

    def _down(self, error: Exception) -> EndpointDownError:
        return EndpointDownError(f"{self.host} does not answer ({error}): {_KEPT}")

    def _once(self, query: str) -> list[Row]:
        """One try, after the pause that the last one is owed."""
        self._sleep(max(0.0, self._free_at - time.monotonic()))
        try:
            return _rows(*self._fetch(query))
        finally:
            self._free_at = time.monotonic() + self.politeness.pause_s

    def _fetch(self, query: str) -> tuple[bytes, str]:
        """The bytes of an answer, and its content type."""
        deadline = time.monotonic() + self.politeness.timeout_s
        try:
            with self._request(query).query().response as response:
                return self._read(response, deadline), response.headers.get("Content-Type", "")
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except TimeoutError as error:
            raise _FailedError("no answer in time", "slow") from error
        except urllib.error.URLError as error:
            reached = isinstance(error.reason, ConnectionResetError | BrokenPipeError)
            raise _FailedError(str(error.reason), "broken" if reached else "down") from error
        except http.client.IncompleteRead as error:
            raise TooMuchError("answer cut off") from error
        except (OSError, http.client.HTTPException) as error:
            raise _FailedError(f"connection broken: {type(error).__name__}", "broken") from error

    def _request(self, query: str) -> _Wrapper:
        wrapper = _Wrapper(self.url, agent=self.agent, returnFormat=JSON)
        wrapper.setMethod(POST)
        wrapper.setOnlyConneg(True)
        wrapper.timeout_s = self.politeness.timeout_s
        wrapper.setQuery(query)
        return wrapper

    def _read(self, response: Any, deadline: float) -> bytes:
        """The body; a server that drips holds nobody up for longer than the time-out."""
        body = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.politeness.max_bytes:
                raise TooMuchError("answer too large")
            if time.monotonic() > deadline:
                raise TooMuchError("answer took too long")
        # `read1` ends without a word where the connection does.
        if response.length:
            raise TooMuchError("answer cut off")
        return bytes(body)

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        """What an HTTP error stands for."""
        body = _error_body(error)
        says = " ".join(re.sub(r"<[^>]*>", " ", body.decode("utf-8", "replace")).split())[:200] or error.reason
        if error.code == 403:
            return UserError(f"{self.host} has shut us out: {says!r}; wait until it lets us in again, then rerun")
        # QLever says 429 for a query that took too long; a gateway's 503 can speak of time-outs that are none of ours.
        busy = error.code == 503 or (error.code == 429 and "Retry-After" in error.headers)
        if not busy and (error.code == 504 or _SERVER_TIMEOUT.search(body)):
            return TooMuchError(f"the server timed out (HTTP {error.code})")
        if error.code in (429, 503):
            return self._busy(error)
        if 300 <= error.code < 400:
            return UserError(f"{self.host} has moved to {error.headers.get('Location')!r}: name that in the recipe")
        if error.code >= 500:
            return _FailedError(f"HTTP {error.code}: {says}", "broken")
        return UserError(f"{self.host} refuses a query (HTTP {error.code}: {says}); check the door's url")

    def _busy(self, error: urllib.error.HTTPError) -> Exception:
        wait_s = retry_after(error.headers.get("Retry-After"), self.politeness.busy_s)
        if wait_s > self.politeness.longest_wait_s:
            return UserError(f"{self.host} wants to be left alone for {wait_s / 60:.0f} minutes: {_KEPT}, later")
        return _FailedError(f"HTTP {error.code}", "busy", wait_s=wait_s)


_KEPT = "what is done is kept; run the same command again"


def retry_after(header: str | None, otherwise_s: float) -> float:
    """Seconds to wait, from a Retry-After header: seconds or a date; `otherwise_s` where it is missing or broken."""
    if header is None:
        return otherwise_s
    try:
        return max(0.0, float(int(header)))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return otherwise_s


def _error_body(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_BODY_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def _rows(body: bytes, content_type: str) -> list[Row]:
    """The rows of SPARQL's JSON results.

    Raises:
        TooMuchError: the JSON is broken: the server ran out of time after it had begun to answer.
        _FailedError: it is a web page.
    """
    if "html" in content_type:
        raise _FailedError("a web page instead of results; check the door's url", "down")
    try:
        rows = json.loads(body)["results"]["bindings"]
    except (ValueError, RecursionError) as error:
        raise TooMuchError("answer cut off or garbled") from error
    except (KeyError, TypeError) as error:
        raise UserError("an answer without results; check the door's url") from error
    if not isinstance(rows, list):
        raise UserError("an answer without results; check the door's url")
    return rows
