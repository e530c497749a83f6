"""The header Retry-After: seconds, dates, malformed values."""

import datetime
import email.utils

import pytest

from pangea_cultural.endpoint.retry_after import retry_after_s


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
