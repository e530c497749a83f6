"""HTTP client for all requests of the factory.

The client is asynchronous inside and synchronous outside. One event loop lives as long as the client, so connections
and limits persist between batches. The loop does not run between calls.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from factory.net import errors
from factory.net.errors import EndpointDownError, FetchError, HostNotFoundError, RequestError
from factory.net.limits import HostLimiter, HostLimiters, HostLimits
from factory.net.proxies import HOW_TO_BYPASS, proxy_for
from factory.net.responses import Response, ResponseSpec
from factory.net.retry import RetryPolicy
from factory.net.user_agent import require_contact, user_agent
from pangea_cultural.utils.net.resolver import PrivateAddressError, PublicResolver

MAX_REDIRECTS = 5
READ_BUFFER_BYTES = 1 << 18
"""Read buffer of a connection. A thumbnail arrives in a few turns of the event loop."""
MAX_CONSECUTIVE_FAILURES = 20
"""Consecutive failures after which the host counts as down."""
ERROR_BYTES = 4_000
"""Bytes of an error's body that are read. The reason comes first; stack traces follow."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

T = TypeVar("T")
Body = Mapping[str, str] | bytes
"""Form fields, or an encoded body."""


class Client:
    """HTTP client with limits per host. Use it as a context manager.

    Args:
        contact: your e-mail address or URL, sent only in the User-Agent header.
        limits: replaces default limits, see `HostLimiters`.
        private_hosts: private addresses that are allowed, see `PublicResolver`.
        retry: attempts, back-off and timeouts.
        keep_alive: whether to reuse connections. Between calls the client cannot notice that a server closes one.
        seed: seed of the jitter.

    Raises:
        UserError: the contact is neither an e-mail address nor a URL.
    """

    def __init__(
        self,
        *,
        contact: str = "",
        limits: Mapping[str, HostLimits] | None = None,
        private_hosts: Collection[str] = (),
        retry: RetryPolicy | None = None,
        keep_alive: bool = True,
        seed: int = 0,
    ) -> None:
        self._contact = contact
        self._user_agent = user_agent(contact, f"aiohttp/{aiohttp.__version__}")
        self._limiters = HostLimiters(limits or {})
        self._private_hosts = private_hosts
        self._retry = retry or RetryPolicy()
        self._keep_alive = keep_alive
        self._random = random.Random(seed)
        self._runner = asyncio.Runner()
        self._resolver: PublicResolver
        self._session: aiohttp.ClientSession
        self._proxied: aiohttp.ClientSession

    def __enter__(self) -> Self:
        self.run(self._open())
        return self

    def __exit__(self, *exception: object) -> None:
        self.run(self._close())
        self._runner.close()

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the client's loop and return its result."""
        # Runner.run sets a signal handler each time, which calls repr on everything that the task refers to.
        return self._runner.get_loop().run_until_complete(task)

    def run_concurrently(
        self, tasks: Iterable[Callable[[], Coroutine[Any, Any, T]]], *, max_pending: int = 32
    ) -> Iterator[T]:
        """Run coroutines, at most `max_pending` at a time, and yield their results in the order of completion.

        If one raises or the caller stops, the others are cancelled.
        """
        loop = self._runner.get_loop()
        pending: set[asyncio.Task[T]] = set()
        try:
            for task in tasks:
                pending.add(loop.create_task(task()))
                if len(pending) >= max_pending:
                    yield from self._next_results(pending)
            while pending:
                yield from self._next_results(pending)
        finally:
            for running in pending:
                running.cancel()
            if pending:
                self.run(_all_done(pending))

    def _next_results(self, pending: set[asyncio.Task[T]]) -> list[T]:
        done, _ = self.run(_first_done(pending))
        pending -= done
        failures = [error for task in done if (error := task.exception())]
        if failures:
            raise failures[0]
        return [task.result() for task in done]

    async def fetch(
        self,
        url: str | URL,
        spec: ResponseSpec[T],
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Fetch a URL with retries and within the limits.

        Args:
            url: http or https.
            spec: expected response.
            body: body of a POST request. A URL with fifty titles is too long for GET.
            headers: headers in addition to the client's.

        Raises:
            FetchError: this URL cannot be fetched.
            EndpointDownError: the host does not work at the moment.
            UserError: the host requires a contact.
        """
        try:
            target = URL(url)
        except ValueError as error:
            raise FetchError(errors.NOT_HTTP, f"{url} ({error})") from error
        limiter = self._limiters.for_url(target)
        for attempt in range(self._retry.tries):
            try:
                value = await self._follow(target, spec, body, headers)
            except RequestError as error:
                last = error
                if not error.retry:
                    break
                if attempt + 1 < self._retry.tries:
                    await self._wait(error, attempt)
            else:
                limiter.consecutive_failures = 0
                return value
        raise self._final_error(target, limiter, last)

    async def _wait(self, error: RequestError, attempt: int) -> None:
        seconds = self._retry.wait_s(error, attempt, self._random)
        if seconds > self._retry.max_retry_after_s:
            host = error.limiter.name if error.limiter else "the server"
            raise EndpointDownError(host, f"asks to wait {seconds:.0f} s ({error.reason})")
        # A 503 without Retry-After can concern one file. All other throttling concerns every request to the host.
        if error.limiter and (error.retry_after_s is not None or (error.throttled and error.status != 503)):
            error.limiter.pause(seconds)  # this request waits for its slot as well
        else:
            await asyncio.sleep(seconds)

    def _final_error(self, url: URL, limiter: HostLimiter, error: RequestError) -> Exception:
        if error.unreachable:
            kind = HostNotFoundError if error.unresolved else EndpointDownError
            return kind(limiter.name, f"cannot be reached ({error.detail})")
        # A missing file does not mean that the host is down.
        if error.retry or error.status in (401, 403):
            limiter.consecutive_failures += 1
        if limiter.consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
            failures = limiter.consecutive_failures
            return EndpointDownError(limiter.name, f"failed {failures} times in a row ({error.reason})")
        detail = f"{url.human_repr()} {error.detail}".strip()
        return FetchError(error.reason, detail, error.status)

    async def _follow(self, url: URL, spec: ResponseSpec[T], body: Body | None, headers: Mapping[str, str] | None) -> T:
        """Fetch a URL and follow redirects. Each target passes the same checks and limits as the first URL."""
        for hop in range(MAX_REDIRECTS + 1):
            self._check(url)
            try:
                response = await self._request(url, spec, body, headers)
            except RequestError as error:
                error.limiter = self._limiters.for_url(url)
                # A redirect to an unreachable host concerns the file, not the host.
                error.unreachable = error.unreachable and hop == 0
                error.retry = error.retry and (spec.retry_incomplete or not error.incomplete)
                raise
            if isinstance(response, Response):
                return spec.read(response)
            url = response
        raise RequestError(reason=errors.TOO_MANY_REDIRECTS, retry=False)

    def _check(self, url: URL) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise RequestError(reason=errors.NOT_HTTP, detail=str(url), retry=False)
        require_contact(url, self._contact)
        try:
            self._resolver.check(url)
        except PrivateAddressError as error:
            raise _private(error) from error

    async def _request(
        self, url: URL, spec: ResponseSpec[Any], body: Body | None, headers: Mapping[str, str] | None
    ) -> Response | URL:
        """Send one request. Return the response, or the target of a redirect."""
        limiter = self._limiters.for_url(url)
        async with limiter.slot():
            try:
                async with asyncio.timeout(self._retry.total_s):
                    response = await self._send(url, body, headers)
                async with response:
                    redirect = response.status in _REDIRECTS and "Location" in response.headers
                    if redirect and spec.follow_redirects:
                        return url.join(URL(response.headers["Location"]))
                    return await self._read(response, url, limiter, spec)
            except aiohttp.ClientProxyConnectionError as error:
                raise _unreachable(f"{errors.PROXY_FAILED}: {error.os_error}") from error
            except aiohttp.ClientHttpProxyError as error:
                raise _unreachable(f"{errors.PROXY_FAILED}: {error.status} {error.message}") from error
            except aiohttp.ClientConnectorError as error:
                if isinstance(error.os_error, PrivateAddressError):
                    raise _private(error.os_error) from error
                unresolved = isinstance(error, aiohttp.ClientConnectorDNSError)
                raise _unreachable(str(error.os_error), unresolved=unresolved) from error
            except aiohttp.ConnectionTimeoutError as error:
                raise _unreachable("no connection in time") from error
            except TimeoutError as error:
                raise RequestError(reason=errors.TIMEOUT, incomplete=True) from error
            except ValueError as error:  # yarl's error for a malformed URL, or InvalidURL
                raise RequestError(reason=errors.NOT_HTTP, detail=str(error), retry=False) from error
            except (aiohttp.ClientError, OSError) as error:
                truncated = isinstance(error, aiohttp.ClientPayloadError)
                reason = errors.BODY_TRUNCATED if truncated else errors.CONNECTION_BROKEN
                detail = f"{type(error).__name__}: {error}"
                # A reset is a fault of the network, not of the answer. aiohttp names it in the text only.
                incomplete = truncated and ConnectionResetError.__name__ not in detail
                raise RequestError(reason=reason, detail=detail, incomplete=incomplete) from error

    async def _send(self, url: URL, body: Body | None, headers: Mapping[str, str] | None) -> aiohttp.ClientResponse:
        """Send a request directly, or through a tunnel of the environment's proxy to a checked address."""
        method = "POST" if body else "GET"
        proxy = None if self._resolver.is_allowed(url) else proxy_for(url)
        if proxy is None:
            return await self._session.request(method, url, data=body, headers=headers, allow_redirects=False)
        if url.scheme != "https":
            detail = f"{url.host} has no https address. {HOW_TO_BYPASS}"
            raise RequestError(reason=errors.PROXY_NEEDS_HTTPS, detail=detail, retry=False)
        try:
            address = await self._resolver.public_address(url)
        except PrivateAddressError as error:
            raise _private(error) from error
        except OSError as error:
            raise _unreachable(f"{url.host} has no address here, and {proxy.name} is not asked for it") from error
        return await self._proxied.request(
            method,
            url.with_host(address),
            data=body,
            headers={"Host": url.raw_authority.rpartition("@")[2], **(headers or {})},
            allow_redirects=False,
            proxy=proxy.url,
            proxy_auth=proxy.auth,
            server_hostname=url.raw_host,
        )

    async def _read(
        self, response: aiohttp.ClientResponse, url: URL, limiter: HostLimiter, spec: ResponseSpec[Any]
    ) -> Response:
        if response.status != 200:
            beginning = await self._error_body(response)
            raise spec.status_error(response.status, response.headers, beginning.decode("utf-8", "replace"))
        spec.check_type(response.headers.get("Content-Type", ""))
        content = await self._body(response, limiter, spec.max_bytes)
        spec.check_content(content)
        return Response(url=str(url), headers=response.headers, content=content)

    async def _error_body(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the beginning of an error's body, as far as it arrives. The status alone is an answer."""
        beginning = bytearray()
        try:
            async with asyncio.timeout(self._retry.total_s):
                while len(beginning) < ERROR_BYTES and (chunk := await response.content.read(ERROR_BYTES)):
                    beginning += chunk
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
        return bytes(beginning[:ERROR_BYTES])

    async def _body(self, response: aiohttp.ClientResponse, limiter: HostLimiter, max_bytes: int) -> bytes:
        """Return the body. Its speed is measured while it arrives: a Content-Length can be wrong, and a slow body never
        stalls.
        """
        content = bytearray()
        clock = asyncio.get_running_loop().time
        waited = 0.0
        while True:
            start = clock()
            chunk = await response.content.readany()
            waited += clock() - start
            if not chunk:
                return bytes(content)
            content += chunk
            if len(content) > max_bytes:
                raise RequestError(reason=errors.TOO_LARGE, detail=f"more than {max_bytes} bytes", retry=False)
            if self._retry.is_too_slow(len(content), waited):
                detail = f"{len(content)} bytes in {waited:.0f} s"
                raise RequestError(reason=errors.TOO_SLOW, detail=detail, incomplete=True)
            await limiter.received(len(chunk))

    async def _open(self) -> None:
        self._resolver = PublicResolver(self._private_hosts)
        self._session = self._new_session(self._resolver)
        # Its connections go to the proxy, which may have a private address.
        self._proxied = self._new_session(aiohttp.ThreadedResolver())

    def _new_session(self, resolver: AbstractResolver) -> aiohttp.ClientSession:
        retry = self._retry
        return aiohttp.ClientSession(
            # The limiters count connections, so the connector does not.
            connector=aiohttp.TCPConnector(limit=0, resolver=resolver, force_close=not self._keep_alive),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent},
            timeout=aiohttp.ClientTimeout(sock_connect=retry.connect_s, sock_read=retry.stall_s),
            read_bufsize=READ_BUFFER_BYTES,
            trust_env=False,
        )

    async def _close(self) -> None:
        await self._session.close()
        await self._proxied.close()
        await self._resolver.close()


def _private(error: PrivateAddressError) -> RequestError:
    detail = f"{error}; add it to [network] private_hosts"
    return RequestError(reason=errors.PRIVATE_ADDRESS, detail=detail, retry=False)


def _unreachable(detail: str, *, unresolved: bool = False) -> RequestError:
    return RequestError(reason=errors.HOST_UNREACHABLE, detail=detail, unreachable=True, unresolved=unresolved)


async def _first_done(tasks: set[asyncio.Task[T]]) -> tuple[set[asyncio.Task[T]], set[asyncio.Task[T]]]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _all_done(tasks: set[asyncio.Task[T]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
