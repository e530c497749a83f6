"""A polite client of a SPARQL endpoint, on SPARQLWrapper: one query at a time, no broken answer taken for whole."""

import http.client
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from typing import Any

import tenacity
from SPARQLWrapper import JSON, POST, SPARQLWrapper
from SPARQLWrapper import __version__ as wrapper_version

from factory.entities.base import TooMuchError
from factory.entities.sources.sparql import queries, responses
from factory.entities.sources.sparql.documents import Row
from factory.entities.sources.sparql.responses import FailedError, Politeness
from factory.net import resolver
from factory.net.errors import EndpointDownError
from factory.net.user_agent import require_contact, user_agent


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
            UserError: the address is none, or wants a contact.
        """
        self.url = url
        self.host = ":".join(str(part) for part in resolver.host_of(url)).removesuffix(":443").removesuffix(":80")
        require_contact(url, contact)
        self.agent = user_agent(contact, f"SPARQLWrapper/{wrapper_version}")
        self.politeness = politeness or Politeness()
        self.private_hosts = private_hosts
        self._random = random.Random(seed)
        self._sleep = sleep
        self._free_at = 0.0

    def select(self, query: str) -> list[Row]:
        """The rows of a query.

        Raises:
            TooMuchError: the answer took too long, is too large, or was cut off.
            EndpointDownError: the server cannot be reached, is busy, or answers nothing whatever it is asked.
            UserError: the server refuses to answer.
        """
        resolver.refuse_private(self.url, self.private_hosts)
        try:
            return self._persistently(query)
        except FailedError as error:
            if error.kind == "down":
                raise self._down(error) from error
            if error.kind == "busy":
                raise EndpointDownError(self.host, f"is still busy ({error})") from error
            self._probe(error)
            raise TooMuchError(str(error)) from error

    def _persistently(self, query: str) -> list[Row]:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, FailedError) and e.kind != "slow"),
            stop=tenacity.stop_after_attempt(self.politeness.tries),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._once, query)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, FailedError) and error.wait_s is not None:
            return error.wait_s
        return self.politeness.backoff_s * 2 ** (state.attempt_number - 1) * self._random.uniform(0.5, 1.5)

    def _probe(self, error: FailedError) -> None:
        """Tell a slice that is too large from a server that answers nothing any more."""
        try:
            self._persistently(queries.PROBE)
        except (FailedError, TooMuchError) as second:
            raise self._down(second) from error

    def _down(self, error: Exception) -> EndpointDownError:
        return EndpointDownError(self.host, f"does not answer ({error})")

    def _once(self, query: str) -> list[Row]:
        """One try, after the pause that the last one is owed."""
        self._sleep(max(0.0, self._free_at - time.monotonic()))
        try:
            return responses.rows_of(*self._fetch(query))
        finally:
            self._free_at = time.monotonic() + self.politeness.pause_s

    def _fetch(self, query: str) -> tuple[bytes, str]:
        """The bytes of an answer, and its content type."""
        deadline = time.monotonic() + self.politeness.timeout_s
        try:
            with self._request(query).query().response as response:
                return responses.body_of(response, deadline, self.politeness.max_bytes), response.headers.get(
                    "Content-Type", ""
                )
        except urllib.error.HTTPError as error:
            raise responses.refusal(self.host, error, self.politeness) from error
        except TimeoutError as error:
            raise FailedError("no answer in time", "slow") from error
        except urllib.error.URLError as error:
            reached = isinstance(error.reason, ConnectionResetError | BrokenPipeError)
            raise FailedError(str(error.reason), "broken" if reached else "down") from error
        except http.client.IncompleteRead as error:
            raise TooMuchError("answer cut off") from error
        except (OSError, http.client.HTTPException) as error:
            raise FailedError(f"connection broken: {type(error).__name__}", "broken") from error

    def _request(self, query: str) -> _Wrapper:
        wrapper = _Wrapper(self.url, agent=self.agent, returnFormat=JSON)
        wrapper.setMethod(POST)
        wrapper.setOnlyConneg(True)
        wrapper.timeout_s = self.politeness.timeout_s
        wrapper.setQuery(query)
        return wrapper
