"""Client of a SPARQL endpoint: one query at a time, and truncated answers are errors.

SPARQLWrapper builds the requests and reads the results. `factory.net` sends them.
"""

from collections.abc import Collection
from typing import Self

from SPARQLWrapper import JSON, POST, SPARQLWrapper

from factory.entities.base import IncompleteAnswerError
from factory.entities.sources.sparql import queries
from factory.entities.sources.sparql.documents import Row
from factory.entities.sources.sparql.responses import QueryLimits, results
from factory.net import errors
from factory.net.client import Client
from factory.net.errors import EndpointDownError, FetchError
from factory.net.responses import HTML_PAGE, THROTTLED
from factory.net.user_agent import require_contact
from pangea_cultural.errors import UserError
from pangea_cultural.utils.net.addresses import host_and_port

INCOMPLETE = {
    errors.BODY_TRUNCATED: "answer truncated",
    errors.TOO_SLOW: "answer took too long",
    errors.TOO_LARGE: "answer too large",
}
"""Failures after the answer began: the server works, and the query is too large for it."""


class Endpoint:
    """A SPARQL endpoint. Use it as a context manager.

    Args:
        url: address of the endpoint.
        contact: your e-mail address or URL. Wikimedia requires one.
        limits: rate, retries and sizes.
        private_hosts: private addresses that are allowed, as `host` or `host:port`.
        seed: seed of the jitter.

    Raises:
        UserError: the url is not a web address, or its host requires a contact.
    """

    def __init__(
        self,
        url: str,
        *,
        contact: str = "",
        limits: QueryLimits | None = None,
        private_hosts: Collection[str] = (),
        seed: int = 0,
    ) -> None:
        self.url = url
        self.host = ":".join(map(str, host_and_port(url))).removesuffix(":443").removesuffix(":80")
        require_contact(url, contact)
        self.limits = limits or QueryLimits()
        self._spec = results(self.host, self.limits)
        self._client = Client(
            contact=contact,
            limits={self.host: self.limits.host_limits()},
            private_hosts=private_hosts,
            retry=self.limits.retry_policy(),
            keep_alive=False,
            seed=seed,
        )

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.__exit__(*exception)

    def select(self, query: str) -> list[Row]:
        """Return the rows of a query.

        Raises:
            IncompleteAnswerError: the answer is truncated, too slow or too large.
            EndpointDownError: the server cannot be reached, stays busy, or answers no query.
            UserError: the server refuses to answer.
        """
        try:
            return self._fetch(query)
        except FetchError as error:
            if error.reason == errors.PRIVATE_ADDRESS:
                raise UserError(f"{error.reason}: {error.detail}.") from error
            if error.reason == errors.NOT_HTTP:
                raise UserError(f"{error.reason}: {error.detail}. Check the source's url.") from error
            if error.reason in INCOMPLETE:
                raise IncompleteAnswerError(INCOMPLETE[error.reason]) from error
            if error.status in THROTTLED:
                raise EndpointDownError(self.host, f"is still busy ({error.reason})") from error
            if error.reason == HTML_PAGE.format(self._spec.name):
                raise EndpointDownError(self.host, f"does not answer ({error.reason})") from error
            self._probe(error)
            raise IncompleteAnswerError(f"{error.reason} {error.detail}") from error

    def _probe(self, error: FetchError) -> None:
        """Ask the simplest query: a server that fails it is down, otherwise the failed query is too large."""
        try:
            self._fetch(queries.PROBE)
        except (FetchError, IncompleteAnswerError) as probe_error:
            raise EndpointDownError(self.host, f"does not answer ({probe_error})") from error

    def _fetch(self, query: str) -> list[Row]:
        wrapper = SPARQLWrapper(self.url, returnFormat=JSON)
        wrapper.setMethod(POST)
        wrapper.setOnlyConneg(True)
        wrapper.setQuery(query)
        # SPARQLWrapper has no public method that builds a request without sending it.
        request = wrapper._createRequest()
        assert isinstance(request.data, bytes)
        headers = {name: value for name, value in request.header_items() if name != "User-agent"}
        return self._client.run(self._client.fetch(self.url, self._spec, body=request.data, headers=headers))
