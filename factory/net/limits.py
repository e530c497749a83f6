"""Limits per host: simultaneous connections, requests per minute and bytes per second.

The defaults for Wikimedia follow its robot policy and API rules for clients with a contact. All APIs together get three
simultaneous requests and 200 requests per minute. Files get two connections and 25 Mbit/s.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from pydantic import Field
from yarl import URL

from pangea_cultural import config

WIKIMEDIA = ("wikimedia.org", "wikidata.org", "wikipedia.org")
FILE_HOSTS = ("upload.wikimedia.org", "thumb.wikimedia.org")


class HostLimits(config.Config):
    """Limits of one host, or of a group of hosts that count together. None means no limit."""

    connections: int = Field(default=4, ge=1)
    """Maximum number of simultaneous connections."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Maximum number of requests per minute, evenly spaced."""
    megabits_per_second: float | None = Field(default=None, gt=0)
    """Maximum rate of responses, in megabits per second."""
    pause_s: float = Field(default=0.0, ge=0)
    """Seconds between the end of a response and the next request."""


DEFAULTS = {
    "wikimedia-api": HostLimits(connections=3, requests_per_minute=200),
    "wikimedia-files": HostLimits(connections=2, megabits_per_second=25),
}
OTHERS = HostLimits()


class RateLimiter:
    """Token bucket without burst: unused capacity is not saved, so no window exceeds the rate."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._free_at = 0.0

    async def acquire(self, amount: float) -> None:
        """Wait until the previous amounts are used up at the rate, then use `amount`."""
        if self._per_second is None:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at)
        self._free_at = start + amount / self._per_second
        if start > now:
            await asyncio.sleep(start - now)


class HostLimiter:
    """State of the limits of one host, or of a group of hosts."""

    def __init__(self, name: str, limits: HostLimits) -> None:
        self.name = name
        self.consecutive_failures = 0
        self._slots = asyncio.Semaphore(limits.connections)
        per_minute, megabits = limits.requests_per_minute, limits.megabits_per_second
        self._requests = RateLimiter(per_minute and per_minute / 60)
        self._bytes = RateLimiter(megabits and megabits * 1_000_000 / 8)
        self._pause_s = limits.pause_s
        self._paused_until = 0.0

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Reserve a connection. The block starts as soon as the limits allow a request."""
        async with self._slots:
            await self._requests.acquire(1)
            while (rest := self._paused_until - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(rest)
            try:
                yield
            finally:
                self.pause(self._pause_s)

    async def received(self, num_bytes: int) -> None:
        """Count received bytes, and wait if they exceed the rate."""
        await self._bytes.acquire(num_bytes)

    def pause(self, seconds: float) -> None:
        """Send no request to the host for `seconds`."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)


class HostLimiters:
    """Limiters of all hosts, with the lifetime of the client.

    Args:
        limits: replaces the defaults. Keys are `host`, `host:port`, `wikimedia-api` or `wikimedia-files`. A Wikimedia
            host with its own key does not count with its group.
    """

    def __init__(self, limits: Mapping[str, HostLimits]) -> None:
        self._limits = DEFAULTS | dict(limits)
        self._limiters: dict[str, HostLimiter] = {}

    def for_url(self, url: URL) -> HostLimiter:
        """Return the limiter of a URL's host."""
        name = self._name(url)
        if name not in self._limiters:
            self._limiters[name] = HostLimiter(name, self._limits.get(name, OTHERS))
        return self._limiters[name]

    def _name(self, url: URL) -> str:
        host, authority = (url.host or "").lower(), f"{url.host}:{url.port}".lower()
        for name in (authority, host):
            if name in self._limits:
                return name
        if host in FILE_HOSTS:
            return "wikimedia-files"
        return "wikimedia-api" if is_wikimedia(host) else authority


def is_wikimedia(host: str) -> bool:
    """Return whether a host belongs to Wikimedia."""
    return any(host == domain or host.endswith(f".{domain}") for domain in WIKIMEDIA)
