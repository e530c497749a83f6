"""Text of times in a language: days, months, years, decades and centuries, at most as precise as they are certain."""

import functools
import tomllib
from datetime import date
from importlib import resources
from typing import Any, NamedTuple

from babel import Locale
from babel.dates import format_date, format_skeleton

from factory.wikidata import values
from factory.wikidata.locales import CannotRenderError, locale_of, plain_blanks
from factory.wikidata.values import CENTURY, DAY, DECADE, MONTH, YEAR

# Reasons to reject a time.
IMPRECISE_TIME = "time less precise than a century"
AMBIGUOUS_CENTURY = "century whose year ends in 00"
DECADE_BCE = "decade before the common era"
OTHER_CALENDAR = "calendar other than Gregorian and Julian"
TURN_OF_THE_YEAR = "day whose year depends on the calendar"
NO_SUCH_DAY = "no such day"
NO_WORDING = "no wording of the time in the language"

FORMS = {CENTURY: "century", DECADE: "decade", YEAR: "year", MONTH: "month", DAY: "day"}
"""Names of what a text says, by precision."""
REFORM = (1582, 10, 15)
"""First day of the Gregorian calendar."""
_SAMPLE_YEAR, _SAMPLE_DAY = 2222, 25
"""Numbers that no other part of a formatted date contains."""
_EARLY = 100
"""Years before this one are written with their era: `79 AD`."""
_ROMAN = (("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1))


class Said(NamedTuple):
    """Statement about a time without claiming more than is known."""

    form: str
    """`day`, `month`, `year`, `decade` or `century`."""
    year: int
    """Negative before the common era. Of a decade its first year, of a century its number."""
    month: int = 0
    day: int = 0


def said(value: str) -> Said:
    """Return what a text says about a time's key.

    A day is said only in the calendar of its time: the Julian one before October 15, 1582, the Gregorian one since.
    Other days, and days before the common era, are reduced to their year.

    Raises:
        CannotRenderError: the time is too imprecise, or ambiguous.
    """
    time = values.read_time(value)
    if time.precision < CENTURY:
        raise CannotRenderError(IMPRECISE_TIME)
    if time.precision == CENTURY:
        return _century(time)
    if time.precision == DECADE:
        if time.year < 1:
            raise CannotRenderError(DECADE_BCE)
        return Said("decade", time.year - time.year % 10)
    if time.precision == YEAR or time.month == 0:
        return Said("year", time.year)
    return _day(time)


def _century(time: values.Time) -> Said:
    """Return the century of a time.

    Wikidata shows year 1300 as the 13th century, but many entered it for the years from 1300 to 1399.
    """
    if time.year % 100 == 0:
        raise CannotRenderError(AMBIGUOUS_CENTURY)
    number = (abs(time.year) + 99) // 100
    return Said("century", number if time.year > 0 else -number)


def _day(time: values.Time) -> Said:
    if time.calendar not in values.CALENDARS:
        raise CannotRenderError(OTHER_CALENDAR)
    if time.day > values.days_in_month(time.year, time.month, time.calendar):
        raise CannotRenderError(NO_SUCH_DAY)
    since_reform = (time.year, time.month, time.day or 31) >= REFORM
    if since_reform == (time.calendar == values.GREGORIAN) and time.year > 0:
        return Said("month" if time.day == 0 else "day", time.year, time.month, time.day)
    # The calendars differ by up to 13 days.
    if (time.month == 12 and (time.day == 0 or time.day > 17)) or (time.month == 1 and time.day < 15):
        raise CannotRenderError(TURN_OF_THE_YEAR)
    return Said("year", time.year)


def render(value: str, language: str) -> tuple[str, str]:
    """Return the text of a time in a language, and its form.

    Raises:
        CannotRenderError: the time or the language has no text.
    """
    what = said(value)
    return say(what, language), what.form


def say(what: Said, language: str) -> str:
    """Return the text of what is said about a time in a language.

    Raises:
        CannotRenderError: the language has no text.
    """
    return _words(language).text(what)


@functools.cache
def _words(language: str) -> "_Words":
    return _Words(locale_of(language), times_table().get(language, {}))


@functools.cache
def times_table() -> dict[str, dict[str, Any]]:
    """Return the rows of times.toml by language."""
    return tomllib.loads(resources.files("factory.wikidata").joinpath("times.toml").read_text("utf-8"))


class _Words:
    """Patterns of times in one language."""

    def __init__(self, locale: Locale, row: dict[str, Any]) -> None:
        self.locale, self.row = locale, row
        self.digits = str.maketrans("0123456789", row["digits"]) if "digits" in row else {}
        self.patterns = {
            (form, month): self._pattern(form, month) for form in ("day", "month") for month in range(1, 13)
        }

    def text(self, what: Said) -> str:
        """Return the text of a time."""
        if what.form == "day":
            return self._day(what)
        if what.form == "century":
            return self._century(what.year)
        if what.form == "decade":
            pattern = self.row.get("decade", self.row.get("year", "{year}"))
            return pattern.replace("{year}", self._number(f"{what.year}\u2013{what.year + 9}"))
        if what.form == "year":
            return self._year(what.year)
        return self.patterns["month", what.month].replace("{year}", self._number(what.year))

    def _day(self, what: Said) -> str:
        day = self.row["first_day"] if what.day == 1 and "first_day" in self.row else self._number(what.day)
        return self.patterns["day", what.month].replace("{day}", day).replace("{year}", self._number(what.year))

    def _number(self, number: int | str) -> str:
        return str(number).translate(self.digits) if self.digits else str(number)

    def _year(self, year: int) -> str:
        if year >= _EARLY:
            pattern = self.row.get("year", "{year}")
        elif year > 0:
            pattern = self.row.get("ce") or self._with_era(1)
        else:
            pattern = self.row.get("bce") or self._with_era(0)
        return pattern.replace("{year}", self._number(abs(year)))

    def _with_era(self, era: int) -> str:
        """Return CLDR's pattern of a year with its era: 0 is before the common era."""
        pattern = self.locale.datetime_skeletons["Gy"].format % {"G": "{era}", "y": "{year}"}
        return plain_blanks(pattern.replace("{era}", self.locale.eras["abbreviated"][era]))

    def _century(self, number: int) -> str:
        key = "century" if number > 0 else "century_bce"
        if key not in self.row:
            raise CannotRenderError(NO_WORDING)
        ordinals = self.row.get("ordinals", {})
        text = self.row[key].replace("{o}", ordinals.get(str(abs(number)), ordinals.get("other", "")))
        return text.replace("{roman}", _roman(abs(number))).replace("{n}", self._number(abs(number)))

    def _pattern(self, form: str, month: int) -> str:
        """Return the pattern of a day or month with `{day}` and `{year}`."""
        if form in self.row:
            name = self.locale.months["stand-alone"]["wide"][month]
            return self.row[form].replace("{name}", name).replace("{month}", self._number(month))
        sample = date(_SAMPLE_YEAR, month, _SAMPLE_DAY)
        if form == "month":
            text = format_skeleton("yMMMM", sample, locale=self.locale)
        else:
            text = format_date(sample, format="long", locale=self.locale)
        text = text.replace(str(_SAMPLE_YEAR), "{year}").replace(str(_SAMPLE_DAY), "{day}")
        return plain_blanks(self._number(text))


def _roman(number: int) -> str:
    """Return a number below 40 in Roman numerals."""
    text = ""
    for numeral, worth in _ROMAN:
        while number >= worth:
            text, number = text + numeral, number - worth
    return text
