"""Retry policy: Retry-After, back-off and jitter."""

import datetime
import email.utils
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.net.errors import RequestError
from factory.net.retry import RetryPolicy, retry_after_s


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1.5", "Sun, 99 Nov 2026 00:00:00 GMT"])
def test_malformed_retry_after_is_ignored(value):
    assert retry_after_s(value) is None


@pytest.mark.parametrize(
    "value", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_retry_after_accepts_all_date_forms_of_http(value):
    assert retry_after_s(value, "Sun, 06 Nov 1994 08:49:30 GMT") == 7
    assert retry_after_s(value) == 0
    assert retry_after_s(value, "no date") == 0


def test_retry_after_is_seconds_or_a_date():
    now = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
    date, until = (email.utils.format_datetime(now + datetime.timedelta(seconds=s), usegmt=True) for s in (0, 90))
    assert retry_after_s("7") == 7
    assert retry_after_s(until, date) == 90
    assert retry_after_s(date, until) == 0


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
