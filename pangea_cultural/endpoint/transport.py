"""HTTP requests to endpoints.

They are sent with aiohttp, which takes 0.15 ms of processor time per request. The client of openai takes 2 ms, which
would limit a process to 500 requests per second.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.failures import CONNECTION, TIMEOUT, TOO_LONG, NoAnswerError, interrupted
from pangea_cultural.endpoint.retry_after import retry_after_s

MAX_RESPONSE_BYTES = 16_000_000
"""Longest response: the log-probabilities of a prompt with several images have some megabytes."""
KEEP_ALIVE_S = 30


class Response(NamedTuple):
    """A response of an endpoint."""

    status: int
    content: bytes
    pause_s: float | None
    """Seconds of the pause that the server asks for."""


class Transport:
    """Connections to endpoints.

    They belong to the event loop of the first request. Close them there.

    Args:
        connections: number of connections at a time.
        timeout_s: seconds for one response.
    """

    def __init__(self, *, connections: int, timeout_s: float) -> None:
        self._connections = connections
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, address: Address, method: str, url: str, body: bytes | None = None, *, timeout_s: float | None = None
    ) -> Response:
        """Return the response to a request, whatever its status.

        Args:
            address: the endpoint, whose key is sent.
            method: of HTTP.
            url: the whole URL.
            body: JSON; None for none.
            timeout_s: seconds for this response, if not those of all.

        Raises:
            NoAnswerError: there is no complete response.
        """
        limit = self._timeout_s if timeout_s is None else timeout_s
        async with self._opened(address, method, url, body, aiohttp.ClientTimeout(total=limit)) as response:
            parts = [part async for part in _parts(response, url)]
            return Response(response.status, b"".join(parts), _pause_s(response))

    @asynccontextmanager
    async def stream(
        self, address: Address, url: str, body: bytes
    ) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """Send a request, and give the parts of its response as they arrive. The response itself has no content.

        The server stops its work when the block is left. The limit of seconds is that between two parts.

        Raises:
            NoAnswerError: there is no response, or it is cut.
        """
        silence = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout_s, sock_read=self._timeout_s)
        async with self._opened(address, "POST", url, body, silence) as response:
            yield Response(response.status, b"", _pause_s(response)), _parts(response, url)

    @asynccontextmanager
    async def _opened(
        self, address: Address, method: str, url: str, body: bytes | None, timeout: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a response. Failures while it is read also become those of the request."""
        headers = {"Content-Type": "application/json"}
        if address.api_key:
            headers["Authorization"] = f"Bearer {address.api_key}"
        try:
            async with self._connected().request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,  # another host must not get the key
            ) as response:
                yield response
        except TimeoutError as error:
            fact = f"No answer from {address.url} within {timeout.total or timeout.sock_read:g} s"
            raise NoAnswerError(TIMEOUT, f"{fact}. Raise the limit with --timeout.") from error
        except aiohttp.ClientPayloadError as error:
            raise interrupted(address.url) from error
        except (aiohttp.ClientError, OSError) as error:
            fact = f"No answer from {address.url}"
            raise NoAnswerError(CONNECTION, f"{fact}. Start an endpoint with `pcult serve CHECKPOINT`.") from error

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE_S)
            # Cookies would tie requests to one server behind a load balancer.
            cookies = aiohttp.DummyCookieJar(loop=asyncio.get_running_loop())
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=cookies, trust_env=True)
        return self._session


async def _parts(response: aiohttp.ClientResponse, url: str) -> AsyncIterator[bytes]:
    """Yield the content of a response as it arrives.

    Raises:
        NoAnswerError: it is longer than any response.
    """
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_RESPONSE_BYTES:
            raise NoAnswerError(TOO_LONG, f"The response of {url} has no end. See the server's log.")
        yield part


def _pause_s(response: aiohttp.ClientResponse) -> float | None:
    return retry_after_s(response.headers.get("Retry-After"), response.headers.get("Date"))
