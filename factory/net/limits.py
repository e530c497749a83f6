"""How much a host is asked for: connections at a time, requests a minute, bytes a second.

Defaults for Wikimedia are what its robot policy and API rules allow a client that says whom to contact: at most three
requests at a time and 200 a minute over all its APIs together, and two connections with 25 Mbit/s for files.
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
    """Limits of one host, or of a group of hosts that count together; None for no limit."""

    connections: int = Field(default=4, ge=1)
    requests_per_minute: float | None = Field(default=None, gt=0)
    megabits_per_second: float | None = Field(default=None, gt=0)


DEFAULTS = {
    "wikimedia-api": HostLimits(connections=3, requests_per_minute=200),
    "wikimedia-files": HostLimits(connections=2, megabits_per_second=25),
}
OTHERS = HostLimits()


class Pace:
    """A token bucket that holds one ration: what is taken too early is waited for, and none is saved up.

    Without savings no window of any length gets more than its share, however long the client was idle before.
    """

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._free_at = 0.0

    async def take(self, amount: float) -> None:
        """Wait until what others took is paid for, then take; the next one waits for this."""
        if self._per_second is None:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at)
        self._free_at = start + amount / self._per_second
        if start > now:
            await asyncio.sleep(start - now)


class Gate:
    """What a host, or a group of hosts, has been asked for so far."""

    def __init__(self, name: str, limits: HostLimits) -> None:
        self.name = name
        self.failures_in_a_row = 0
        self._slots = asyncio.Semaphore(limits.connections)
        per_minute, megabits = limits.requests_per_minute, limits.megabits_per_second
        self._requests = Pace(per_minute and per_minute / 60)
        self._bytes = Pace(megabits and megabits * 1_000_000 / 8)
        self._paused_until = 0.0

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one connection; entered when the limits allow a request."""
        async with self._slots:
            await self._requests.take(1)
            while (rest := self._paused_until - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(rest)
            yield

    async def received(self, num_bytes: int) -> None:
        """Count bytes that have come, and wait as long as they were too many."""
        await self._bytes.take(num_bytes)

    def pause(self, seconds: float) -> None:
        """Ask nothing of the host for so long."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)


class Gates:
    """The gates of all hosts; they live as long as the client.

    Args:
        limits: replaces the defaults; keys are `host`, `host:port`, `wikimedia-api` or `wikimedia-files`. A Wikimedia
            host that is named itself no longer counts with its group.
    """

    def __init__(self, limits: Mapping[str, HostLimits]) -> None:
        self._limits = DEFAULTS | dict(limits)
        self._gates: dict[str, Gate] = {}

    def of(self, url: URL) -> Gate:
        """The gate that a request has to pass."""
        name = self._name(url)
        if name not in self._gates:
            self._gates[name] = Gate(name, self._limits.get(name, OTHERS))
        return self._gates[name]

    def _name(self, url: URL) -> str:
        host, authority = (url.host or "").lower(), f"{url.host}:{url.port}".lower()
        for name in (authority, host):
            if name in self._limits:
                return name
        if host in FILE_HOSTS:
            return "wikimedia-files"
        return "wikimedia-api" if is_wikimedia(host) else authority


def is_wikimedia(host: str) -> bool:
    """Whether a host is one of Wikimedia's."""
    return any(host == domain or host.endswith(f".{domain}") for domain in WIKIMEDIA)
