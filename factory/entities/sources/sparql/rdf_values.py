"""Conversion of values from Wikidata's RDF to the datavalues of its JSON.

Wikibase's export changes times. XSD 1.1 has a year 0, days and months below the precision are filled in, and Julian
days are written in the Gregorian calendar. This module reverses each step.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote, unquote_plus

from factory.entities.sources.sparql import queries
from factory.wikidata import values

Term = dict[str, str]
"""A value in a row of SPARQL's JSON results: `type`, `value`, and optionally `xml:lang` or `datatype`."""

FILE_PATH = "http://commons.wikimedia.org/wiki/Special:FilePath/"
COMMONS_DATA = "http://commons.wikimedia.org/data/main/"
STRING = "http://www.w3.org/2001/XMLSchema#string"
_DATE_TIME = re.compile(r"(-?)([0-9]{4,16})-([0-9]{2})-([0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.0+)?(?:Z|\+00:00)")
LAST_JULIAN_YEAR = 1465072
"""Last year whose Julian days Wikibase converts. Days before day 1 of the Julian day count are not converted either."""
MAX_DIGITS = 130


def is_unknown(term: Term) -> bool:
    """Return whether a term stands for `somevalue`: a blank node, or the query service's IRI for it."""
    return term["type"] == "bnode" or (term["type"] == "uri" and queries.UNKNOWN in term["value"])


def simple(term: Term) -> dict[str, Any]:
    """Return the datavalue of a simple value: an item, a file, a text, a web address."""
    value = term["value"]
    if term["type"] == "uri":
        if value.startswith(queries.ENTITY):
            return {"type": "wikibase-entityid", "value": {"id": value.removeprefix(queries.ENTITY)}}
        if value.startswith(FILE_PATH):
            return _string(unquote(value.removeprefix(FILE_PATH)))
        if value.startswith(COMMONS_DATA):
            return _string(unquote_plus(value.removeprefix(COMMONS_DATA)))
        return _string(value)
    if "xml:lang" in term:
        return {"type": "monolingualtext", "value": {"language": term["xml:lang"].lower(), "text": value}}
    if term.get("datatype", STRING) == STRING:
        return _string(value)
    # A time or quantity without its value node, or a formula in MathML: rejected instead of guessed.
    return {"type": f"RDF literal {term['datatype']}"}


def qualifier(term: Term) -> dict[str, Any]:
    """Return the datavalue of a qualifier. Of a time, only the year is needed, so its value node is not asked for."""
    match = _DATE_TIME.fullmatch(term["value"]) if "datatype" in term else None
    if match is None:
        return simple(term)
    year = f"{match[1] or '+'}{match[2]}"
    model = queries.ENTITY + values.GREGORIAN
    return {
        "type": "time",
        "value": {"time": f"{year}-00-00T00:00:00Z", "precision": values.YEAR, "calendarmodel": model},
    }


def deep(parts: dict[str, Term]) -> dict[str, Any]:
    """Return the datavalue of a value node. It is incomplete if a part is missing, and entity.py rejects it."""
    if "timeValue" in parts:
        return {"type": "time", "value": _time(parts)}
    if "quantityAmount" in parts:
        return {"type": "quantity", "value": _quantity(parts)}
    if "geoLatitude" in parts:
        return {"type": "globecoordinate", "value": _coordinate(parts)}
    return {"type": "RDF node without parts"}


def _string(value: str) -> dict[str, Any]:
    return {"type": "string", "value": value}


def _text(parts: dict[str, Term], name: str) -> str | None:
    return parts[name]["value"] if name in parts else None


def _number(parts: dict[str, Term], name: str) -> Decimal | None:
    try:
        number = Decimal(parts[name]["value"])
    except (KeyError, InvalidOperation):
        return None
    return number if number.is_finite() and abs(number.adjusted()) < MAX_DIGITS else None


def _time(parts: dict[str, Term]) -> dict[str, Any]:
    precision, model = _number(parts, "timePrecision"), _text(parts, "timeCalendarModel")
    integer = int(precision) if precision is not None and precision == int(precision) else None
    return {
        "time": _json_time(parts["timeValue"], integer, (model or "").removeprefix(queries.ENTITY)),
        "precision": integer,
        "calendarmodel": model,
    }


def _json_time(term: Term, precision: int | None, model: str) -> str:
    match = _DATE_TIME.fullmatch(term["value"])
    # The export writes values that are not an xsd:dateTime (the year 0 of JSON) as plain strings, unchanged.
    if match is None or precision is None or term.get("datatype", STRING) == STRING:
        return term["value"]
    sign, digits, *_ = match.groups()
    year, month, day = int(sign + digits), int(match[3]), int(match[4])
    if precision >= values.DAY and model == values.JULIAN:
        year, month, day = _in_julian(year, month, day)
    if precision >= values.YEAR and year <= 0:
        year -= 1  # the export moves only times with the precision of a year to the years of XSD 1.1
    month, day = month if precision >= values.MONTH else 0, day if precision >= values.DAY else 0
    return f"{'-' if year < 0 else '+'}{abs(year):04d}-{month:02d}-{day:02d}T{match[5]}Z"


def _in_julian(year: int, month: int, day: int) -> tuple[int, int, int]:
    """Convert a proleptic Gregorian day to the Julian calendar, if the export converts it. Both have a year 0."""
    number = gregorian_day_number(year, month, day)
    julian = julian_date(number)
    return julian if number > 0 and julian[0] <= LAST_JULIAN_YEAR else (year, month, day)


def gregorian_day_number(year: int, month: int, day: int) -> int:
    """Return the Julian day number of a day in the proleptic Gregorian calendar (with a year 0)."""
    # The years start in March, so the leap day is their last day.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    return day + (153 * month + 2) // 5 + 365 * year + year // 4 - year // 100 + year // 400 + 1721119


def julian_date(number: int) -> tuple[int, int, int]:
    """Return year (with a year 0), month and day in the Julian calendar of a Julian day number."""
    shifted = number - 1721117
    year = (4 * shifted - 1) // 1461
    rest = shifted - 1 - 1461 * year // 4
    month = (5 * rest + 2) // 153
    day = rest - (153 * month + 2) // 5 + 1
    return (year, month + 3, day) if month < 10 else (year + 1, month - 9, day)


def _quantity(parts: dict[str, Term]) -> dict[str, Any]:
    unit = _text(parts, "quantityUnit")
    value: dict[str, Any] = {"amount": _amount(parts, "quantityAmount"), "unit": unit}
    if unit == queries.ENTITY + values.ONE:
        value["unit"] = "1"
    for name in ("lowerBound", "upperBound"):
        part = f"quantity{name[0].upper()}{name[1:]}"
        if part in parts:
            value[name] = _amount(parts, part)
    return value


def _amount(parts: dict[str, Term], name: str) -> str | None:
    """Return a number in JSON's form, with its sign. Stores may change the form (`330.0`, `3.3E2`)."""
    number = _number(parts, name)
    return None if number is None else f"{'' if number.is_signed() else '+'}{values.plain(number)}"


def _coordinate(parts: dict[str, Term]) -> dict[str, Any]:
    return {
        "latitude": _degrees(parts, "geoLatitude"),
        "longitude": _degrees(parts, "geoLongitude"),
        "globe": _text(parts, "geoGlobe"),
    }


def _degrees(parts: dict[str, Term], name: str) -> float | None:
    """Return a float as in JSON. PHP writes small numbers with an exponent (`1.0E-5`) against xsd:decimal."""
    try:
        return float(parts[name]["value"])
    except (KeyError, ValueError):
        return None
