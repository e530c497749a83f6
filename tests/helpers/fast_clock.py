"""Event loop clock that skips waiting times, for tests of pauses and retries."""

import asyncio
import contextlib
import time

import pytest


@contextlib.contextmanager
def fast_clock():
    """Replace `asyncio.sleep`: it advances the clock of all event loops. Yields the list of waits in seconds."""
    sleep, waits = asyncio.sleep, []

    async def skip(seconds, result=None):
        if seconds > 0:
            waits.append(seconds)
        return await sleep(0, result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", skip)
        patch.setattr(asyncio.BaseEventLoop, "time", lambda loop: time.monotonic() + sum(waits))
        yield waits
