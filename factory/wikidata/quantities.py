"""Text of quantities in a language: every known digit, in one unit per dimension in all languages."""

import functools
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from babel import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol

from factory.wikidata import values
from factory.wikidata.locales import CannotRenderError, locale_of, plain_blanks
from factory.wikidata.times import times_table

METER, KILOGRAM, NO_UNIT = "Q11573", "Q11570", "1"
CONVERSIONS = {
    METER: (METER, Decimal(1)),
    "Q174728": (METER, Decimal("0.01")),
    "Q174789": (METER, Decimal("0.001")),
    "Q828224": (METER, Decimal(1000)),
    "Q3710": (METER, Decimal("0.3048")),
    KILOGRAM: (KILOGRAM, Decimal(1)),
    "Q41803": (KILOGRAM, Decimal("0.001")),
}
"""Unit of the answer and factor, by Wikidata's unit: meter, centimeter, millimeter, kilometer, foot, kilogram, gram."""
CLDR_UNITS = {METER: "length-meter", KILOGRAM: "mass-kilogram"}
MOST_DIGITS = 40
"""Digits of a number that someone would read."""

# Reasons to reject a quantity.
UNKNOWN_UNIT = "unit that is not converted"
UNIT_MISSING = "CLDR lacks the unit in the language"
TOO_LONG = "quantity of more than 40 digits"
NOT_POSITIVE = "quantity that is not positive"
_DIGITS = 400
"""Precision of the arithmetic, more than any key has. Decimal's default of 28 digits would round or fail."""


def normal(value: str) -> tuple[Decimal, str]:
    """Return a quantity's amount and unit as they are said.

    A conversion keeps the precision of the amount: 984 ft are 299.9 m, and 6 ft are 1.8 m.

    Raises:
        CannotRenderError: the unit is unknown, or the amount is not a number to be said.
    """
    amount, unit = values.read_quantity(value)
    if len(amount.strip("-").replace(".", "").lstrip("0")) > MOST_DIGITS or len(amount) > 2 * MOST_DIGITS:
        raise CannotRenderError(TOO_LONG)
    number = Decimal(amount)
    if number <= 0:
        raise CannotRenderError(NOT_POSITIVE)
    if unit == NO_UNIT:
        return number, unit
    if unit not in CONVERSIONS:
        raise CannotRenderError(UNKNOWN_UNIT)
    target, factor = CONVERSIONS[unit]
    with localcontext(prec=_DIGITS):
        converted = number * factor
        if len(factor.as_tuple().digits) > 1:
            step = Decimal(1).scaleb(_exponent(number)) * factor
            # A rounded number that lies within the known precision.
            converted = converted.quantize(Decimal(1).scaleb(step.adjusted()), ROUND_HALF_EVEN)
        return Decimal(values.plain(converted)), target


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def render(value: str, language: str) -> str:
    """Return the text of a quantity in a language.

    Raises:
        CannotRenderError: the quantity or the language has no text.
    """
    return say(normal(value), language)


def say(quantity: tuple[Decimal, str], language: str) -> str:
    """Return the text of an amount with its unit, as `normal` gives them.

    Raises:
        CannotRenderError: the language has no text.
    """
    number, unit = quantity
    amount = _numbers(language).text(values.plain(number))
    if unit == NO_UNIT:
        return amount
    locale = locale_of(language)
    with localcontext(prec=_DIGITS):
        plural = locale.plural_form(number)
    return _unit_pattern(unit, locale, plural).replace("{0}", amount)


class _Numbers:
    """Numbers in a language. Babel's own formatting rounds to 28 digits and takes ten times as long."""

    def __init__(self, language: str) -> None:
        locale, row = locale_of(language), times_table().get(language, {})
        system = "default" if "digits" in row else "latn"
        self.separator = plain_blanks(get_group_symbol(locale, numbering_system=system))
        self.point = get_decimal_symbol(locale, numbering_system=system)
        self.last, self.others = locale.decimal_formats[None].grouping
        self.shortest_grouped = 5 if row.get("ungrouped") else 4
        self.digits = str.maketrans("0123456789", row["digits"]) if "digits" in row else {}

    def text(self, number: str) -> str:
        """Return a decimal number with the separators and digits of the language."""
        integer, _, fraction = number.partition(".")
        if len(integer) >= self.shortest_grouped:
            integer = self.separator.join(self._groups(integer))
        text = f"{integer}{self.point}{fraction}" if fraction else integer
        return text.translate(self.digits) if self.digits else text

    def _groups(self, integer: str) -> list[str]:
        """Return the groups of digits: 12,34,567 in India, 1,234,567 elsewhere."""
        rest, groups = integer[: -self.last], [integer[-self.last :]]
        while rest:
            rest, group = rest[: -self.others], rest[-self.others :]
            groups.insert(0, group)
        return groups


_numbers = functools.cache(_Numbers)


@functools.cache
def _unit_pattern(unit: str, locale: Locale, plural: str) -> str:
    """Return CLDR's pattern of a unit, with `{0}` for the amount."""
    # Babel has no public access to the patterns, and `format_unit` rounds the number.
    patterns = locale._data["unit_patterns"].get(CLDR_UNITS[unit], {})
    for length in ("long", "short"):
        by_plural = patterns.get(length, {})
        pattern = by_plural.get(plural, by_plural.get("other"))
        if pattern:
            # Arabic has "meter" for 1 m, and the dual for 2 m.
            return plain_blanks(pattern if "{0}" in pattern else by_plural["other"])
    raise CannotRenderError(UNIT_MISSING)
