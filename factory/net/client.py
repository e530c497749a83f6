"""The client that all requests go through.

It is asynchronous inside and synchronous outside: one event loop lives as long as the client, so that connections and
the state of the limits outlast a batch. Between calls the loop stands still.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import aiohttp
from yarl import URL

from factory.net.errors import EndpointDownError, FaultError, FetchError
from factory.net.limits import Gate, Gates, HostLimits
from factory.net.resolver import Guard, PrivateAddressError
from factory.net.responses import Answer, Expect, status_fault
from factory.net.retry import Patience
from factory.net.user_agent import require_contact, user_agent

MAX_REDIRECTS = 5
READ_BUFFER_BYTES = 1 << 18
"""A thumbnail is read in a few turns of the loop."""
MAX_FAILURES_IN_A_ROW = 20
"""When so many requests have failed for good and none went well between, it is the host, not the files."""
ERROR_BYTES = 2_000
"""Read of the body of an error."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

T = TypeVar("T")


class Client:
    """Fetches within the limits of each host. Use it as a context manager.

    Args:
        contact: e-mail address or URL of who runs this; sent in the User-Agent and nowhere else.
        limits: replaces default limits, see `Gates`.
        private_hosts: private addresses that may be connected to, see `Guard`.
        patience: how long to wait and how often to try.
        seed: of the jitter.

    Raises:
        UserError: the contact is neither an e-mail address nor a URL.
    """

    def __init__(
        self,
        *,
        contact: str = "",
        limits: Mapping[str, HostLimits] | None = None,
        private_hosts: Collection[str] = (),
        patience: Patience | None = None,
        seed: int = 0,
    ) -> None:
        self._contact = contact
        self._user_agent = user_agent(contact, f"aiohttp/{aiohttp.__version__}")
        self._gates = Gates(limits or {})
        self._private_hosts = private_hosts
        self._patience = patience or Patience()
        self._chance = random.Random(seed)
        self._runner = asyncio.Runner()
        self._guard: Guard
        self._session: aiohttp.ClientSession

    def __enter__(self) -> Self:
        self._session = self.run(self._open())
        return self

    def __exit__(self, *exception: object) -> None:
        self.run(self._close())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the client's loop and give its result."""
        # Not by Runner.run: it sets a signal handler each time, at the cost of a repr of all that the task holds.
        return self._runner.get_loop().run_until_complete(work)

    def each(self, works: Iterable[Callable[[], Coroutine[Any, Any, T]]], *, ahead: int = 32) -> Iterator[T]:
        """Run many coroutines, at most `ahead` at a time, and give their results as they come.

        When one raises, or the caller stops, the others are cancelled.
        """
        loop = self._runner.get_loop()
        pending: set[asyncio.Task[T]] = set()
        try:
            for work in works:
                pending.add(loop.create_task(work()))
                if len(pending) >= ahead:
                    yield from self._finished(pending)
            while pending:
                yield from self._finished(pending)
        finally:
            for task in pending:
                task.cancel()
            if pending:
                self.run(_settled(pending))

    def _finished(self, pending: set[asyncio.Task[T]]) -> list[T]:
        done, _ = self.run(_first_done(pending))
        pending -= done
        errors = [error for task in done if (error := task.exception())]
        if errors:
            raise errors[0]
        return [task.result() for task in done]

    async def fetch(self, url: str | URL, expect: Expect[T], *, form: Mapping[str, str] | None = None) -> T:
        """Fetch a URL, with retries and within the limits.

        Args:
            url: http or https.
            expect: what the answer should be.
            form: sent with POST where given; a URL with fifty titles is too long for a GET.

        Raises:
            FetchError: this one cannot be had.
            EndpointDownError: the host cannot be worked with now.
            UserError: the host wants a contact.
        """
        target = URL(url)
        gate = self._gates.of(target)
        for attempt in range(self._patience.tries):
            try:
                value = await self._follow(target, expect, form)
            except FaultError as fault:
                last = fault
                if not fault.retry:
                    break
                if attempt + 1 < self._patience.tries:
                    await self._wait(fault, attempt)
            else:
                gate.failures_in_a_row = 0
                return value
        raise self._given_up(target, gate, last)

    async def _wait(self, fault: FaultError, attempt: int) -> None:
        seconds = self._patience.wait_s(fault, attempt, self._chance)
        if seconds > self._patience.longest_retry_after_s:
            host = fault.gate.name if fault.gate else "the server"
            raise EndpointDownError(host, f"asks to wait {seconds:.0f} s ({fault.reason})")
        # A 503 without Retry-After can be about one file; everything else that throttles is meant for all requests.
        if fault.gate and (fault.retry_after_s is not None or (fault.throttled and fault.status != 503)):
            fault.gate.pause(seconds)  # this request waits at the gate, too
        else:
            await asyncio.sleep(seconds)

    def _given_up(self, url: URL, gate: Gate, fault: FaultError) -> Exception:
        if fault.unreachable:
            return EndpointDownError(gate.name, f"cannot be reached ({fault.detail})")
        # A file that is not there says nothing about the host.
        if fault.retry or fault.status in (401, 403):
            gate.failures_in_a_row += 1
        if gate.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            return EndpointDownError(gate.name, f"failed {gate.failures_in_a_row} times in a row ({fault.reason})")
        detail = f"{url.human_repr()} {fault.detail}".strip()
        return FetchError(fault.reason, detail, fault.status)

    async def _follow(self, url: URL, expect: Expect[T], form: Mapping[str, str] | None) -> T:
        """Ask, and follow redirects by hand: each target has to pass the same checks and limits as the first."""
        for hop in range(MAX_REDIRECTS + 1):
            self._check(url)
            try:
                answer = await self._ask(url, expect, form)
            except FaultError as fault:
                fault.gate = self._gates.of(url)
                # A redirect to nowhere is the file's fault, not the host's.
                fault.unreachable = fault.unreachable and hop == 0
                raise
            if isinstance(answer, Answer):
                return expect.read(answer)
            url = answer
        raise FaultError(reason="too many redirects", retry=False)

    def _check(self, url: URL) -> None:
        if url.scheme not in ("http", "https") or not url.host:
            raise FaultError(reason="not an http address", detail=str(url), retry=False)
        require_contact(url, self._contact)
        try:
            self._guard.check(url)
        except PrivateAddressError as error:
            raise _private(error) from error

    async def _ask(self, url: URL, expect: Expect, form: Mapping[str, str] | None) -> Answer | URL:
        """One request: the answer, or where it redirects to."""
        gate = self._gates.of(url)
        async with gate.slot():
            try:
                async with asyncio.timeout(self._patience.total_s):
                    method = "POST" if form else "GET"
                    response = await self._session.request(method, url, data=form, allow_redirects=False)
                async with response:
                    if response.status in _REDIRECTS and "Location" in response.headers:
                        return url.join(URL(response.headers["Location"]))
                    return await self._answer(response, gate, expect)
            except aiohttp.ClientConnectorError as error:
                if isinstance(error.os_error, PrivateAddressError):
                    raise _private(error.os_error) from error
                raise FaultError(reason="host not reachable", detail=str(error.os_error), unreachable=True) from error
            except aiohttp.ConnectionTimeoutError as error:
                raise FaultError(
                    reason="host not reachable", detail="no connection in time", unreachable=True
                ) from error
            except TimeoutError as error:
                raise FaultError(reason="time-out") from error
            except ValueError as error:  # of yarl, for what is no URL, and InvalidURL
                raise FaultError(reason="not an http address", detail=str(error), retry=False) from error
            except (aiohttp.ClientError, OSError) as error:
                reason = "body cut off" if isinstance(error, aiohttp.ClientPayloadError) else "connection broken"
                raise FaultError(reason=reason, detail=f"{type(error).__name__}: {error}") from error

    async def _answer(self, response: aiohttp.ClientResponse, gate: Gate, expect: Expect) -> Answer:
        if response.status != 200:
            beginning = await response.content.read(ERROR_BYTES)
            raise status_fault(response.status, response.headers, beginning.decode("utf-8", "replace"))
        expect.check_type(response.headers.get("Content-Type", ""))
        content = await self._body(response, gate, expect.max_bytes)
        expect.check_content(content)
        return Answer(url=str(response.url), headers=response.headers, content=content)

    async def _body(self, response: aiohttp.ClientResponse, gate: Gate, max_bytes: int) -> bytes:
        """The body, counted as it comes: a Content-Length can lie, and a slow drip never times out by itself."""
        content = bytearray()
        clock = asyncio.get_running_loop().time
        waited = 0.0
        while True:
            began = clock()
            chunk = await response.content.readany()
            waited += clock() - began
            if not chunk:
                return bytes(content)
            content += chunk
            if len(content) > max_bytes:
                raise FaultError(reason="file too large", detail=f"more than {max_bytes} bytes", retry=False)
            if self._patience.is_too_slow(len(content), waited):
                raise FaultError(reason="too slow", detail=f"{len(content)} bytes in {waited:.0f} s")
            await gate.received(len(chunk))

    async def _open(self) -> aiohttp.ClientSession:
        self._guard = Guard(self._private_hosts)
        # The gates count connections; the connector must not count a second time.
        connector = aiohttp.TCPConnector(limit=0, resolver=self._guard)
        patience = self._patience
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent},
            timeout=aiohttp.ClientTimeout(sock_connect=patience.connect_s, sock_read=patience.stall_s),
            read_bufsize=READ_BUFFER_BYTES,
            trust_env=False,
        )

    async def _close(self) -> None:
        await self._session.close()
        await self._guard.close()


def _private(error: PrivateAddressError) -> FaultError:
    return FaultError(reason="private address", detail=f"{error}; name it in [network] private_hosts", retry=False)


async def _first_done(tasks: set[asyncio.Task[T]]) -> tuple[set[asyncio.Task[T]], set[asyncio.Task[T]]]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _settled(tasks: set[asyncio.Task[T]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
