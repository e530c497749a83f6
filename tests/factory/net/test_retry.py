"""Retry policy: back-off and jitter."""

import random

from hypothesis import given
from hypothesis import strategies as st

from factory.net.errors import RequestError
from factory.net.retry import RetryPolicy


@given(st.integers(0, 20), st.integers())
def test_backoff_grows_to_its_bound_and_depends_only_on_the_seed(attempt, seed):
    policy = RetryPolicy()
    broken = RequestError(reason="connection broken")
    waits = [policy.wait_s(broken, attempt, random.Random(seed)) for _ in range(2)]
    assert waits[0] == waits[1] <= min(60, 5 * 2**attempt)
    throttled = RequestError(reason="HTTP 429", throttled=True)
    assert policy.wait_s(throttled, attempt, random.Random(seed)) >= 5
    with_header = RequestError(reason="HTTP 429", throttled=True, retry_after_s=33)
    assert policy.wait_s(with_header, attempt, random.Random(seed)) == 33


@given(st.integers(0, 20), st.integers(), st.floats(0, 1))
def test_jitter_is_the_random_share_of_a_backoff(attempt, seed, jitter):
    wait = RetryPolicy(jitter=jitter).wait_s(RequestError(reason="HTTP 500"), attempt, random.Random(seed))
    bound = min(60, 5 * 2**attempt)
    assert (1 - jitter) * bound - 1e-9 <= wait <= bound + 1e-9
