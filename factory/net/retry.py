"""Retries: number of attempts, back-off and timeouts."""

import random

from pydantic import Field

from factory.net.errors import RequestError
from pangea_cultural import config


class RetryPolicy(config.Config):
    """Attempts, back-off and timeouts of a request. Times are in seconds."""

    tries: int = Field(default=6, ge=1, le=100)
    """Attempts per request, including the first."""
    base_s: float = Field(default=5.0, ge=0)
    """Upper bound of the first back-off. It doubles with each attempt."""
    max_backoff_s: float = Field(default=60.0, ge=0)
    """Upper bound of every back-off."""
    jitter: float = Field(default=1.0, ge=0, le=1)
    """Random share of a back-off. 1: uniform between zero and its bound. 0: always its bound."""
    max_retry_after_s: float = Field(default=900.0, ge=0)
    """Longest accepted Retry-After. A longer one stops the build, which can be resumed."""
    connect_s: float = Field(default=30.0, gt=0)
    """Timeout of opening a connection."""
    stall_s: float = Field(default=30.0, gt=0)
    """Timeout if no byte arrives."""
    total_s: float = Field(default=300.0, gt=0)
    """Timeout of the response's head, and again of its body. Time spent in the rate limiter does not count."""
    min_speed_after_s: float = Field(default=10.0, gt=0)
    """Time after which a body must have `min_bytes_per_second`."""
    min_bytes_per_second: float = Field(default=2_000.0, ge=0)
    """Slowest accepted average speed of a body."""

    def wait_s(self, error: RequestError, attempt: int, random_: random.Random) -> float:
        """Return the seconds until the next attempt: the server's Retry-After, or exponential back-off with jitter.

        Args:
            error: the error of the previous attempt.
            attempt: number of the previous attempt, from 0.
            random_: source of the jitter.
        """
        if error.retry_after_s is not None:
            return error.retry_after_s
        bound = min(self.max_backoff_s, self.base_s * 2**attempt)
        backoff = random_.uniform((1 - self.jitter) * bound, bound)
        # Wikimedia asks throttled clients to wait at least five seconds.
        return self.base_s + backoff if error.throttled else backoff

    def is_too_slow(self, num_bytes: int, seconds: float) -> bool:
        """Return whether a body with `num_bytes` after `seconds` is below the minimum speed or over the timeout."""
        slow = seconds > self.min_speed_after_s and num_bytes < self.min_bytes_per_second * seconds
        return slow or seconds > self.total_s
