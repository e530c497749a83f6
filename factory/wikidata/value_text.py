"""Text of times and quantities in any language of CLDR (through Babel)."""

from datetime import date
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from babel.units import format_unit

from factory.wikidata import values

UNITS = {
    "Q11573": "length-meter",
    "Q174728": "length-centimeter",
    "Q174789": "length-millimeter",
    "Q828224": "length-kilometer",
    "Q3710": "length-foot",
    "Q11570": "mass-kilogram",
    "Q41803": "mass-gram",
}
"""CLDR's units by Wikidata item. Values with another unit are rejected."""


# Reasons to reject a value.
LANGUAGE_MISSING = "CLDR lacks the language"
UNIT_MISSING = "CLDR lacks the unit in the language"
UNKNOWN_UNIT = "unit without a CLDR name"
IMPRECISE_TIME = "time less precise than a year"
BEFORE_COMMON_ERA = "time before the common era"
JULIAN_DAY = "day or month in the Julian calendar"
NO_SUCH_DAY = "no such day"


class CannotRenderError(ValueError):
    """A value without text in a language. The message is the rejection's reason."""


def render(value_type: str, value: str, language: str) -> str:
    """Return the text of a time or quantity in a language.

    Args:
        value_type: `time` or `quantity`.
        value: the value's key (see values.py).
        language: language code.

    Raises:
        CannotRenderError: CLDR lacks the language or unit, or the value is too imprecise for an answer.
    """
    try:
        locale = Locale.parse("nb" if language == "no" else language)
    except UnknownLocaleError as error:
        raise CannotRenderError(LANGUAGE_MISSING) from error
    return _time(value, locale) if value_type == "time" else _quantity(value, locale)


def _time(value: str, locale: Locale) -> str:
    time = values.read_time(value)
    if time.precision < values.YEAR:
        raise CannotRenderError(IMPRECISE_TIME)
    if time.year < 1:
        raise CannotRenderError(BEFORE_COMMON_ERA)
    if time.precision == values.YEAR or time.month == 0:
        return str(time.year)
    if time.calendar != values.GREGORIAN:
        raise CannotRenderError(JULIAN_DAY)
    try:
        day = date(time.year, time.month, time.day or 1)
    except ValueError as error:
        raise CannotRenderError(NO_SUCH_DAY) from error
    if time.precision == values.MONTH or time.day == 0:
        return format_skeleton("yMMMM", day, locale=locale)
    return format_date(day, format="long", locale=locale)


def _quantity(value: str, locale: Locale) -> str:
    amount, unit = values.read_quantity(value)
    number = Decimal(amount)
    if unit == "1":
        return format_decimal(number, locale=locale)
    if unit not in UNITS:
        raise CannotRenderError(UNKNOWN_UNIT)
    # CLDR has "330米" only as the short form. Babel's long form is then the unit's key ("330 length-meter").
    for length in ("long", "short"):
        text = format_unit(number, UNITS[unit], length=length, locale=locale)
        if UNITS[unit] not in text:
            return text
    raise CannotRenderError(UNIT_MISSING)
