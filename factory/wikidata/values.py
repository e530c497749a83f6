"""Values of claims: conversion from Wikidata's JSON to a short key for a DuckDB column, and back.

item        Q17
time        +1889-03-31T00:00:00Z/11/Q1985727       time/precision/calendar model
quantity    330/Q11573                              amount/unit ('1' for none)
coordinate  48.8583,2.2945/Q2                       latitude,longitude/globe
string      the text itself
monolingual fr:tour Eiffel

Keys are canonical: equal values have equal keys in all sources. RDF has neither `+12.50` nor the month of a value with
the precision of a year, and its coordinates have 14 significant digits.
"""

import calendar
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

ITEM = re.compile(r"Q[1-9][0-9]{0,14}")
PROPERTY = re.compile(r"P[1-9][0-9]{0,14}")
LANGUAGE = re.compile(r"[a-z]{2,12}(-[a-z0-9]{1,12})*")
"""Label codes of Wikidata: lower case with hyphens (`zh-hant`, `be-tarask`)."""
_ENTITY_URL = re.compile(r"https?://www\.wikidata\.org/entity/(Q[1-9][0-9]{0,14})")
_TIME = re.compile(r"([+-])([0-9]{1,16})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,130}(\.[0-9]{1,130})?")

CENTURY, DECADE, YEAR, MONTH, DAY = 7, 8, 9, 10, 11
DEGREE_DECIMALS = 11
"""Decimals of a degree in a key, about a micrometer."""
GREGORIAN, JULIAN = "Q1985727", "Q1985786"
CALENDARS = {GREGORIAN: "Gregorian", JULIAN: "Julian"}
PRECISIONS = (
    "billion years",
    "hundred million years",
    "ten million years",
    "million years",
    "hundred thousand years",
    "ten thousand years",
    "millennium",
    "century",
    "decade",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
)
"""Names of a time's precisions, from 0."""
ONE = "Q199"
"""The item `1`, RDF's unit of a quantity without a unit."""


# Reasons to reject a value.
UNKNOWN_TYPE = "unknown type of value"
MALFORMED_VALUE = "malformed {} value"
MALFORMED_BOUNDS = "malformed bounds of a quantity"
WRONG_BOUNDS = "bounds of a quantity that do not enclose it"


class MalformedValueError(ValueError):
    """A value that violates Wikidata's data model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Time:
    """Point in time with its precision. `datetime` cannot represent year -15000000 or month 00."""

    year: int
    """Negative for BCE. Wikidata's JSON has no year 0, so -79 is 79 BCE."""
    month: int
    """0 if the precision is a year or less."""
    day: int
    """0 if the precision is a month or less."""
    precision: int
    """11 for a day, 10 month, 9 year, 8 decade, 7 century, down to 0 for a billion years."""
    calendar: str
    """Q1985727 (proleptic Gregorian) or Q1985786 (proleptic Julian)."""


def by_number(ids: Iterable[str]) -> list[str]:
    """Return unique ids in the order of their numbers: Q9 before Q10."""
    return sorted(set(ids), key=lambda name: (len(name), name))


def key(datavalue: dict[str, Any]) -> tuple[str, str]:
    """Return the type and the key of a snak's datavalue.

    Raises:
        MalformedValueError: the value does not fit its type. The message is the rejection's reason.
    """
    value_type = datavalue.get("type")
    if not isinstance(value_type, str) or value_type not in _KEYS:
        raise MalformedValueError(UNKNOWN_TYPE)
    try:
        return _KEYS[value_type](datavalue["value"])
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise MalformedValueError(MALFORMED_VALUE.format(value_type)) from error


def bounds(datavalue: dict[str, Any]) -> str:
    """Return lower and upper bound of a quantity, such as `329.5/330.5`, or an empty text.

    They are not part of the key: 330 m is one answer, independent of the accuracy of the measurement.

    Raises:
        MalformedValueError: the bounds are not numbers, or do not enclose the amount.
    """
    value = datavalue["value"]
    if datavalue["type"] != "quantity" or (value.get("lowerBound") is None and value.get("upperBound") is None):
        return ""
    try:
        lower, amount, upper = (decimal(value[name]) for name in ("lowerBound", "amount", "upperBound"))
    except (KeyError, ValueError) as error:
        raise MalformedValueError(MALFORMED_BOUNDS) from error
    if not Decimal(lower) <= Decimal(amount) <= Decimal(upper):
        raise MalformedValueError(WRONG_BOUNDS)
    return f"{lower}/{upper}"


def text(value: Any) -> str:
    """Return a text without surrounding white space.

    Raises:
        ValueError: the value is not a text, is empty, or is not valid Unicode (half of a surrogate pair).
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no text")
    value.encode("utf-8")
    return value.strip()


def decimal(amount: Any) -> str:
    """Return a decimal number without redundant signs, zeros and exponents: `+012.50` becomes `12.5`.

    Raises:
        ValueError: the amount is not a decimal number.
    """
    if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
        raise ValueError("not a decimal number")
    return plain(Decimal(amount))


def plain(number: Decimal) -> str:
    """Return a number in plain digits. `Decimal.normalize` would round it to 28 digits."""
    digits = format(number, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def days_in_month(year: int, month: int, model: str) -> int:
    """Return the number of days of a month. Years before the common era are negative, without a year 0."""
    astronomical = year if year > 0 else year + 1
    if month == 2 and model == JULIAN:
        return 29 if astronomical % 4 == 0 else 28
    # The Gregorian calendar repeats every 400 years, and `calendar` has the years 1 to 9999.
    return calendar.monthrange(astronomical % 400 + 400, month)[1]


def _integer(value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(value)
    return value


def _item(value: dict[str, Any]) -> tuple[str, str]:
    # Documents from before 2016 have no "id". Entity schemas and lexeme forms have no "numeric-id".
    name = value.get("id") or f"Q{_integer(value['numeric-id'], 1, 10**15 - 1)}"
    if not ITEM.fullmatch(name):
        raise ValueError(name)
    return "item", name


def _time(value: dict[str, Any]) -> tuple[str, str]:
    match, model = _TIME.fullmatch(value["time"]), _ENTITY_URL.fullmatch(value["calendarmodel"])
    precision = _integer(value["precision"], 0, 14)
    if match is None or model is None or int(match[2]) == 0:
        raise ValueError(value)
    sign, year, month, day, *clock = match.groups()
    # Digits below the precision are zeros or arbitrary input.
    month, day = month if precision >= MONTH else "00", day if precision >= DAY else "00"
    clock = clock if precision > DAY else ["00", "00", "00"]
    if precision >= MONTH:
        _integer(int(month), 1, 12)
    if precision >= DAY:
        _integer(int(day), 1, days_in_month(int(sign + year), int(month), model[1]))
    for number, highest in zip(clock, (23, 59, 59), strict=True):
        _integer(int(number), 0, highest)
    return "time", f"{sign}{int(year):04d}-{month}-{day}T{':'.join(clock)}Z/{precision}/{model[1]}"


def _quantity(value: dict[str, Any]) -> tuple[str, str]:
    unit = _ENTITY_URL.fullmatch(value["unit"])
    if unit is None and value["unit"] != "1":
        raise ValueError(value)
    return "quantity", f"{decimal(value['amount'])}/{'1' if unit is None or unit[1] == ONE else unit[1]}"


def _coordinate(value: dict[str, Any]) -> tuple[str, str]:
    globe = _ENTITY_URL.fullmatch(value["globe"])
    if globe is None:
        raise ValueError(value)
    return "coordinate", f"{_degrees(value['latitude'])},{_degrees(value['longitude'])}/{globe[1]}"


def _degrees(value: Any) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -360 <= value <= 360:
        raise ValueError(value)
    return plain(round(Decimal(f"{value:.14g}"), DEGREE_DECIMALS))


def _string(value: Any) -> tuple[str, str]:
    return "string", text(value)


def _monolingual(value: dict[str, Any]) -> tuple[str, str]:
    language = value["language"].lower()
    if not LANGUAGE.fullmatch(language):
        raise ValueError(language)
    return "monolingual", f"{language}:{text(value['text'])}"


_KEYS: dict[str, Callable[[Any], tuple[str, str]]] = {
    "wikibase-entityid": _item,
    "time": _time,
    "quantity": _quantity,
    "globecoordinate": _coordinate,
    "string": _string,
    "monolingualtext": _monolingual,
}


def read_time(value: str) -> Time:
    """Return the time of a key."""
    moment, precision, model = value.split("/")
    match = _TIME.fullmatch(moment)
    if match is None:
        raise MalformedValueError(f"not a time: {value}")
    sign, year, month, day, *_ = match.groups()
    return Time(year=int(sign + year), month=int(month), day=int(day), precision=int(precision), calendar=model)


def exactness(value_type: str, value: str, bounds: str) -> str:
    """Return the accuracy of a value for display: `329.5 to 330.5`, `century, Julian`, or an empty text."""
    if value_type == "time":
        time = read_time(value)
        return f"{PRECISIONS[time.precision]}, {CALENDARS.get(time.calendar, time.calendar)}"
    return bounds.replace("/", " to ")


def read_quantity(value: str) -> tuple[str, str]:
    """Return amount and unit of a key: a decimal number as text, and an item or '1'."""
    amount, _, unit = value.rpartition("/")
    return amount, unit
