"""Limits on what the server of a hub can do to this machine: its redirects, and the sizes of its responses."""

import contextlib
import socket
from collections.abc import Iterator

import httpx
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from pangea_cultural.utils.net.addresses import is_public

LISTING_BYTES = 100_000_000
"""Limit of a response before the sizes of the files are known: the list of 100,000 files has a third of it."""


class RefusedError(ValueError):
    """A response or a redirect of the hub that is not followed."""


class Guard:
    """The limits of a download.

    Args:
        endpoint: address of the hub. If it is private, its storage may be as well.
    """

    def __init__(self, endpoint: str) -> None:
        self.max_bytes = LISTING_BYTES
        """Size that no response may exceed."""
        self._is_public = not is_private(httpx.URL(endpoint).host)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Apply the limits to the requests of huggingface_hub."""
        set_client_factory(self._client)
        try:
            yield
        finally:
            set_client_factory(default_client_factory)

    def _client(self) -> httpx.Client:
        client = default_client_factory()
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], self._check_address],
            "response": [*hooks["response"], self._limit],
        }
        return client

    def _check_address(self, request: httpx.Request) -> None:
        """Refuse a private address: a redirect could read from a router or a cloud's metadata service."""
        if self._is_public and is_private(request.url.host):
            raise RefusedError(f"it leads to {request.url.host}, which is a private address")

    def _limit(self, response: httpx.Response) -> None:
        """Let a response end when it is longer than promised: it would fill the disk."""
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Limited(response.stream, self.max_bytes)


class _Limited(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, limit: int) -> None:
        self._stream, self._left, self._limit = stream, limit, limit

    def __iter__(self) -> Iterator[bytes]:
        for block in self._stream:
            self._left -= len(block)
            if self._left < 0:
                raise RefusedError(f"a response has more than {self._limit:,} bytes")
            yield block

    def close(self) -> None:
        self._stream.close()


def is_private(host: str) -> bool:
    """Return whether a host has a private address. A name that only a proxy can resolve has none here."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return not all(is_public(str(address[0])) for *_, address in found)
