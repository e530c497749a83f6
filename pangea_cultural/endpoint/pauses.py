"""Pauses between the attempts of a request."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pangea_cultural.endpoint.failures import NoAnswerError

MOST_PAUSES = 20
"""Answers "too many requests" before a request fails. They do not count as failed attempts: a limited rate is kept."""
PAUSE_S = 0.5
"""Pause after the first failure. Each further one doubles it."""
LONGEST_PAUSE_S = 60.0
JITTER = 0.25
"""Largest share by which a pause is longer, at random. Requests that failed together would come back together."""

Result = TypeVar("Result")


def pause_s(number: int, asked_s: float | None = None, *, longest_s: float = LONGEST_PAUSE_S) -> float:
    """Return the seconds of a pause: those that the server asks for, or exponentially more; with jitter.

    Args:
        number: number of pauses before this one.
        asked_s: seconds that the server asks for; None if it asks for none.
        longest_s: limit of what a server may ask for.
    """
    own = min(PAUSE_S * 2.0 ** min(number, 32), LONGEST_PAUSE_S)
    return (own if asked_s is None else min(asked_s, longest_s)) * (1 + JITTER * random.random())


async def retried(attempt: Callable[[], Awaitable[Result]], *, retries: int, pauses_here: bool = True) -> Result:
    """Return the result of the first attempt that does not fail.

    Args:
        attempt: sends the request.
        retries: further attempts after failures that may pass.
        pauses_here: whether a busy server's pause is waited for here; False if `attempt` waits for it.

    Raises:
        NoAnswerError: the last attempt failed, or a failure does not pass.
    """
    failures = pauses = 0
    while True:
        try:
            return await attempt()
        except NoAnswerError as error:
            failures += not error.is_busy
            pauses += error.is_busy
            if not (error.is_passing or error.is_busy) or failures > retries or pauses > MOST_PAUSES:
                raise
            wait, asked_s = (pauses, error.pause_s) if error.is_busy else (failures, None)
            busy = error.is_busy
        if pauses_here or not busy:
            await asyncio.sleep(pause_s(wait - 1, asked_s))
