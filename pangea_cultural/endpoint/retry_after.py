"""The header Retry-After: the pause that a server asks for."""

import datetime
import email.utils


def retry_after_s(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), or None if it is missing or malformed.

    Args:
        value: seconds, or an HTTP date.
        date: the response's Date header. Retry-After is relative to the server's clock.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    until = _http_date(value)
    now = _http_date(date or "") or datetime.datetime.now(datetime.UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def _http_date(text: str) -> datetime.datetime | None:
    """Return an HTTP date in any of its three forms (RFC 9110, 5.6.7). The oldest form has no zone: all are UTC."""
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
