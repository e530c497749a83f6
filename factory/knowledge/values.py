"""Values of statements: from what people write into a cell to the keys of the table `claim`."""

import re

from factory.knowledge.errors import WRONG_VALUE, RowError
from factory.knowledge.ids import value_id
from factory.wikidata import values
from factory.wikidata.quantities import KILOGRAM, METER, NO_UNIT
from factory.wikidata.values import DAY, GREGORIAN, JULIAN, MONTH, YEAR

UNITS = {
    **{"": NO_UNIT, "m": METER, "cm": "Q174728", "mm": "Q174789", "km": "Q828224", "ft": "Q3710"},
    **{"kg": KILOGRAM, "g": "Q41803"},
}
"""Wikidata's items by the unit in a cell."""
_TIME = re.compile(r"(-?)(\d{1,4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_REFORM = 1582
"""Year of the Gregorian calendar's first day. Days before it are Julian."""


def key(value_type: str, text: str) -> str:
    """Return the key of a value.

    Args:
        value_type: `item` (a key of an entity, or Wikidata's id), `time` (1889, 1889-03 or 1889-03-31), `quantity` (a
            number, perhaps with a unit), or `text`.
        text: the cell.

    Raises:
        RowError: the text does not fit.
    """
    if value_type == "item":
        return value_id(text)
    if value_type == "text":
        return text
    datavalue = _time(text) if value_type == "time" else _quantity(text)
    try:
        return values.key(datavalue)[1]
    except values.MalformedValueError as error:
        raise RowError(WRONG_VALUE, f"{text}: {error}") from error


def _time(text: str) -> dict[str, object]:
    match = _TIME.fullmatch(text)
    if match is None or int(match[2]) == 0:
        raise RowError(WRONG_VALUE, f"{text}: write a year, 1889-03 or 1889-03-31")
    sign, year, month, day = match.groups()
    model = JULIAN if sign or int(year) < _REFORM else GREGORIAN
    return {
        "type": "time",
        "value": {
            "time": f"{sign or '+'}{int(year):04d}-{int(month or 0):02d}-{int(day or 0):02d}T00:00:00Z",
            "precision": DAY if day else MONTH if month else YEAR,
            "calendarmodel": f"http://www.wikidata.org/entity/{model}",
        },
    }


def _quantity(text: str) -> dict[str, object]:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in UNITS:
        units = ", ".join(filter(None, UNITS))
        raise RowError(WRONG_VALUE, f"{text}: write a number, or one with a unit ({units})")
    unit = UNITS[match[2]]
    url = unit if unit == NO_UNIT else f"http://www.wikidata.org/entity/{unit}"
    return {"type": "quantity", "value": {"amount": match[1], "unit": url}}
