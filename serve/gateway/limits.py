"""Limits of each key: requests in a time, and requests at a time."""

import math
import time
from collections import Counter

import limits
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from pangea_cultural.errors import UserError
from serve.gateway.errors import RefusedError

BUSY_PAUSE_S = 1
"""Pause after which a client with too many requests at a time may ask again."""


def check_rate(rate: str) -> None:
    """Check the text of a rate.

    Raises:
        UserError: it is not one.
    """
    try:
        limits.parse(rate)
    except ValueError as error:
        raise UserError(f"{rate!r} is not a rate. Write it as 600/minute, with second, minute, hour or day.") from error


class Held:
    """Bytes of bodies that are in memory, of all requests together.

    Args:
        most: limit of bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.bytes = 0

    def add(self, number: int) -> None:
        """Count bytes that were received.

        Raises:
            RefusedError: too many are in memory.
        """
        self.bytes += number
        if self.bytes > self._most:
            message = "The server reads many large requests at this moment. Wait a little, then send this one again."
            raise RefusedError(429, "memory", message, headers={"retry-after": str(BUSY_PAUSE_S)}, closes=True)

    def release(self, number: int) -> None:
        """Subtract bytes that are no longer in memory."""
        self.bytes -= number


class Limits:
    """Counters of requests by key.

    Args:
        rate: requests in a time, such as `600/minute`; empty for no limit.
        concurrency: requests at a time.
    """

    def __init__(self, rate: str, concurrency: int) -> None:
        self._rate = limits.parse(rate) if rate else None
        self._concurrency = concurrency
        self._running: Counter[str] = Counter()
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage()) if rate else None

    async def count(self, key: str) -> None:
        """Count a request.

        Raises:
            RefusedError: the key has had its requests of this time. `Retry-After` says when it has further ones.
        """
        if self._rate is None or self._window is None or await self._window.hit(self._rate, key):
            return
        stats = await self._window.get_window_stats(self._rate, key)
        pause = max(1, math.ceil(stats.reset_time - time.time()))
        message = f"More than {self._rate.amount} requests in {self._rate.get_expiry()} s. Wait {pause} s."
        raise RefusedError(429, "rate", message, headers={"retry-after": str(pause)}, closes=True)

    def enter(self, key: str) -> None:
        """Take one of a key's requests at a time; `leave` gives it back.

        Raises:
            RefusedError: all are taken.
        """
        if self._running[key] >= self._concurrency:
            message = f"More than {self._concurrency} requests at a time. Wait for an answer before the next request."
            raise RefusedError(429, "concurrency", message, headers={"retry-after": str(BUSY_PAUSE_S)}, closes=True)
        self._running[key] += 1

    def leave(self, key: str) -> None:
        """Give a request of a key back."""
        self._running[key] -= 1
