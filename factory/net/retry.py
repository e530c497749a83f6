"""How long to wait for a server, and how often to ask again."""

import datetime
import email.utils
import random

from pydantic import Field

from factory.net.errors import FaultError
from pangea_cultural import config


class Patience(config.Config):
    """Settings of waiting; seconds where nothing else is said."""

    tries: int = Field(default=6, ge=1)
    """Of one request, the first included."""
    base_s: float = Field(default=5.0, ge=0)
    """The first back-off is at most this long, each further one twice as long."""
    longest_s: float = Field(default=60.0, ge=0)
    """No back-off is longer."""
    longest_retry_after_s: float = Field(default=900.0, ge=0)
    """A server that asks for more ends the build, which can be taken up again."""
    connect_s: float = Field(default=30.0, gt=0)
    stall_s: float = Field(default=30.0, gt=0)
    """Without a single byte."""
    total_s: float = Field(default=300.0, gt=0)
    """For the head of an answer, and again for its body; our own keeping within the limits does not count."""
    judged_after_s: float = Field(default=10.0, gt=0)
    min_bytes_per_second: float = Field(default=2_000.0, ge=0)
    """A body that is slower, once it has taken `judged_after_s`, is given up."""

    def wait_s(self, fault: FaultError, attempt: int, chance: random.Random) -> float:
        """Seconds until the next try: what the server asked for, or an exponential back-off with full jitter.

        Args:
            fault: what the try before ended with.
            attempt: its number, from 0.
            chance: draws the jitter.
        """
        if fault.retry_after_s is not None:
            return fault.retry_after_s
        jitter = chance.uniform(0, min(self.longest_s, self.base_s * 2**attempt))
        # Wikimedia asks throttled clients for five seconds at least.
        return self.base_s + jitter if fault.throttled else jitter

    def is_too_slow(self, num_bytes: int, seconds: float) -> bool:
        """Whether a body that brought so much in so long a time is given up."""
        slow = seconds > self.judged_after_s and num_bytes < self.min_bytes_per_second * seconds
        return slow or seconds > self.total_s


def retry_after_s(value: str | None, date: str | None = None) -> float | None:
    """The seconds that a Retry-After header asks for; None where it is missing or is none.

    RFC 9110 (10.2.3) knows digits and HTTP dates; a negative number is neither.

    Args:
        value: seconds, or an HTTP date.
        date: the answer's own Date header: the server's clock, by which its Retry-After is meant.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    until = _moment(value)
    now = _moment(date or "") or datetime.datetime.now(datetime.UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def _moment(text: str) -> datetime.datetime | None:
    """An HTTP date in any of its three forms, of which the oldest names no zone (RFC 9110, 5.6.7): all are UTC."""
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
