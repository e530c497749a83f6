"""Checks of single values. A check is called with a field's name and value and refuses wrong ones."""

from collections.abc import Callable, Collection
from typing import Any

from serve.gateway.errors import wrong_field

Check = Callable[[str, Any], None]


def boolean(name: str, value: Any) -> None:
    """Refuse what is not true or false."""
    if not isinstance(value, bool):
        raise wrong_field(name, "is not true or false")


def integer(low: int, high: int) -> Check:
    """Return a check for an integer from `low` to `high`."""

    def check(name: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise wrong_field(name, f"is not an integer from {low} to {high}")

    return check


def number(low: float, high: float) -> Check:
    """Return a check for a number from `low` to `high`."""

    def check(name: str, value: Any) -> None:
        # NaN is in no range.
        if type(value) not in (int, float) or not low <= value <= high:
            raise wrong_field(name, f"is not a number from {low:g} to {high:g}")

    return check


def text(most: int) -> Check:
    """Return a check for a text of at most this many characters."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or len(value) > most:
            raise wrong_field(name, f"is not a text of at most {most} characters")

    return check


def one_of(values: Collection[str]) -> Check:
    """Return a check for one of some texts."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or value not in values:
            raise wrong_field(name, f"is not one of {', '.join(sorted(values))}")

    return check


def texts(most: int, longest: int) -> Check:
    """Return a check for a text, or a list of at most `most` ones, of at most `longest` characters."""

    def check(name: str, value: Any) -> None:
        items = value if isinstance(value, list) else [value]
        if len(items) > most or not all(isinstance(item, str) and len(item) <= longest for item in items):
            raise wrong_field(name, f"is not a text, or a list of {most}, of at most {longest} characters")

    return check


def mapping(fields: dict[str, Check]) -> Check:
    """Return a check for an object that has only these fields."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise wrong_field(name, "is not an object")
        check_fields(f"{name}.", value, fields)

    return check


def check_fields(prefix: str, values: dict[str, Any], fields: dict[str, Check]) -> None:
    """Check the fields of an object and remove those that are null, which means absent.

    Raises:
        RefusedError: a field is not allowed, or its value is wrong.
    """
    absent = []
    for key, value in values.items():
        check = fields.get(key)
        if check is None:
            raise wrong_field(_quoted(prefix + key), "is not a field that this server accepts")
        if value is None:
            absent.append(key)
        else:
            check(prefix + key, value)
    for key in absent:
        del values[key]


def _quoted(name: str) -> str:
    """Return a name that a client has chosen, short and without control characters."""
    return "".join(character if character.isprintable() else "?" for character in name[:80])
