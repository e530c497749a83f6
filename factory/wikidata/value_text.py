"""Times and quantities in words, in any language that CLDR knows (through Babel)."""

from datetime import date
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from babel.units import format_unit

from factory.wikidata import values

# Wikidata's units, by CLDR's names. A unit that is not here is a counted rejection: never a guess.
UNITS = {
    "Q11573": "length-meter",
    "Q174728": "length-centimeter",
    "Q174789": "length-millimeter",
    "Q828224": "length-kilometer",
    "Q3710": "length-foot",
    "Q11570": "mass-kilogram",
    "Q41803": "mass-gram",
}


class CannotRenderError(ValueError):
    """A value that cannot be said in a language; the message is the rejection's reason."""


def render(value_type: str, value: str, language: str) -> str:
    """A time or quantity in a language.

    Args:
        value_type: `time` or `quantity`.
        value: the value's key (see values.py).
        language: our language code.

    Raises:
        CannotRenderError: CLDR lacks the language, or the value is not precise enough to be an answer.
    """
    try:
        locale = Locale.parse("nb" if language == "no" else language)
    except UnknownLocaleError as error:
        raise CannotRenderError("CLDR lacks the language") from error
    return _time(value, locale) if value_type == "time" else _quantity(value, locale)


def _time(value: str, locale: Locale) -> str:
    time = values.read_time(value)
    if time.precision < values.YEAR:
        raise CannotRenderError("time less precise than a year")
    if time.year < 1:
        raise CannotRenderError("time before the common era")
    if time.precision == values.YEAR or time.month == 0:
        return str(time.year)
    if time.calendar != values.GREGORIAN:
        raise CannotRenderError("day or month in the Julian calendar")
    try:
        day = date(time.year, time.month, time.day or 1)
    except ValueError as error:
        raise CannotRenderError("no such day") from error
    if time.precision == values.MONTH or time.day == 0:
        return format_skeleton("yMMMM", day, locale=locale)
    return format_date(day, format="long", locale=locale)


def _quantity(value: str, locale: Locale) -> str:
    amount, unit = values.read_quantity(value)
    number = Decimal(amount)
    if unit == "1":
        return format_decimal(number, locale=locale)
    if unit not in UNITS:
        raise CannotRenderError("unit without a CLDR name")
    # CLDR has "330米" only as the short form; for the long one Babel then gives the unit's key ("330 length-meter").
    for length in ("long", "short"):
        text = format_unit(number, UNITS[unit], length=length, locale=locale)
        if UNITS[unit] not in text:
            return text
    raise CannotRenderError("CLDR lacks the unit in the language")
