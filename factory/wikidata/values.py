"""Values of claims: from Wikidata's JSON to a short key that a DuckDB column holds, and back.

item        Q17
time        +1889-03-31T00:00:00Z/11/Q1985727       time/precision/calendar model
quantity    +330/Q11573                             amount/unit ('1' for none)
coordinate  48.8583,2.2945/Q2                       latitude,longitude/globe
string      the text itself
monolingual fr:tour Eiffel
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ITEM = re.compile(r"Q[1-9]\d*")
_ENTITY_URL = re.compile(r"https?://www\.wikidata\.org/entity/(Q[1-9]\d*)")
_TIME = re.compile(r"([+-])(\d{1,16})-(\d\d)-(\d\d)T\d\d:\d\d:\d\dZ")
_AMOUNT = re.compile(r"[+-]?\d+(\.\d+)?")

YEAR, MONTH, DAY = 9, 10, 11


class MalformedValueError(ValueError):
    """A value that is not as Wikidata's data model says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Time:
    """A point in time as precisely as Wikidata knows it; `datetime` cannot hold year -15000000 or month 00."""

    year: int
    """Negative for BCE; Wikidata's JSON has no year 0, so -79 is 79 BCE."""
    month: int
    """0 where the precision is a year or less."""
    day: int
    """0 where the precision is a month or less."""
    precision: int
    """11 day, 10 month, 9 year, 8 decade, 7 century, down to 0, a billion years."""
    calendar: str
    """Q1985727 (proleptic Gregorian) or Q1985786 (proleptic Julian)."""


def key(datavalue: dict) -> tuple[str, str]:
    """The type and the key of a snak's datavalue.

    Raises:
        MalformedValueError: the value does not fit its type; the message is a rejection's reason.
    """
    try:
        return _KEYS[datavalue["type"]](datavalue["value"])
    except KeyError as error:
        raise MalformedValueError(f"unknown or incomplete value: {error.args[0]}") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise MalformedValueError(f"malformed {datavalue.get('type')} value") from error


def _item(value: dict) -> tuple[str, str]:
    # Documents from before 2016 have no "id", entity schemas and lexeme forms no "numeric-id".
    name = value.get("id") or f"Q{value['numeric-id']}"
    if not ITEM.fullmatch(name):
        raise ValueError(name)
    return "item", name


def _time(value: dict) -> tuple[str, str]:
    calendar = _ENTITY_URL.fullmatch(value["calendarmodel"])
    if not _TIME.fullmatch(value["time"]) or not 0 <= int(value["precision"]) <= 14 or calendar is None:
        raise ValueError(value)
    return "time", f"{value['time']}/{int(value['precision'])}/{calendar[1]}"


def _quantity(value: dict) -> tuple[str, str]:
    unit = _ENTITY_URL.fullmatch(value["unit"])
    if not _AMOUNT.fullmatch(value["amount"]) or (unit is None and value["unit"] != "1"):
        raise ValueError(value)
    return "quantity", f"{value['amount']}/{unit[1] if unit else '1'}"


def _coordinate(value: dict) -> tuple[str, str]:
    globe = _ENTITY_URL.fullmatch(value["globe"])
    if globe is None:
        raise ValueError(value)
    return "coordinate", f"{float(value['latitude'])},{float(value['longitude'])}/{globe[1]}"


def _string(value: str) -> tuple[str, str]:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return "string", value.strip()


def _monolingual(value: dict) -> tuple[str, str]:
    return "monolingual", f"{value['language']}:{value['text']}"


_KEYS: dict[str, Callable[[Any], tuple[str, str]]] = {
    "wikibase-entityid": _item,
    "time": _time,
    "quantity": _quantity,
    "globecoordinate": _coordinate,
    "string": _string,
    "monolingualtext": _monolingual,
}


def read_time(value: str) -> Time:
    """The time of a key."""
    text, precision, calendar = value.split("/")
    match = _TIME.fullmatch(text)
    if match is None:
        raise MalformedValueError(f"not a time: {value}")
    sign, year, month, day = match.groups()
    return Time(year=int(sign + year), month=int(month), day=int(day), precision=int(precision), calendar=calendar)


def read_quantity(value: str) -> tuple[str, str]:
    """Amount (a decimal number as text, sign included) and unit (an item, or '1') of a key."""
    amount, _, unit = value.rpartition("/")
    return amount, unit
