"""Errors of requests, and whether a retry may help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pangea_cultural.errors import UserError

if TYPE_CHECKING:
    from factory.net.limits import HostLimiter


RESUME = "Run the same command again to resume."
"""Last sentence of errors that stop a build. Finished work is in the store."""

# Reasons of failed requests. They become reasons of rejections.
BODY_TRUNCATED = "body truncated"
CONNECTION_BROKEN = "connection broken"
CONTENT_TYPE = "wrong content type"
HOST_UNREACHABLE = "host not reachable"
HTTP_STATUS = "HTTP {}"
NOT_HTTP = "not an http address"
PRIVATE_ADDRESS = "private address"
PROXY_FAILED = "proxy failed"
PROXY_NEEDS_HTTPS = "plain http through a proxy"
TIMEOUT = "timeout"
TOO_LARGE = "file too large"
TOO_MANY_REDIRECTS = "too many redirects"
TOO_SLOW = "too slow"
WRONG_SHA1 = "content differs from its SHA-1"


class FetchError(Exception):
    """A file or response that could not be fetched although the host works.

    Args:
        reason: the rejection's reason, equal for all files with the same fault.
        detail: the URL and the server's message.
        status: the HTTP status, if it is an error.
    """

    def __init__(self, reason: str, detail: str = "", status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.status = status


class EndpointDownError(UserError):
    """A host that does not work at the moment. Finished work is kept, and the same command resumes later."""

    def __init__(self, host: str, problem: str) -> None:
        super().__init__(f"{host} {problem}. {RESUME}")


class HostNotFoundError(EndpointDownError):
    """A host whose name has no address: the network is down, or the name is wrong."""


@dataclass(kw_only=True, eq=False)
class RequestError(Exception):
    """A failed attempt."""

    reason: str
    retry: bool = True
    detail: str = ""
    status: int | None = None
    retry_after_s: float | None = None
    """The wait that the server asked for."""
    throttled: bool = False
    """Whether the server reported too many requests or an overload. The next attempt waits longer."""
    unreachable: bool = False
    """Whether no connection was made."""
    unresolved: bool = False
    """Whether no connection was made because the host's name has no address."""
    incomplete: bool = False
    """Whether the response was truncated, slow or absent. `ResponseSpec.retry_incomplete` decides on a retry."""
    limiter: HostLimiter | None = None
    """The limiter of the host that was asked."""
