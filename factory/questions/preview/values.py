"""Difficult values for the frames of a preview, in the words of a language."""

import functools
import itertools
import tomllib
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from factory.questions.lexicon import rows as lexicon
from factory.questions.lexicon import written
from factory.questions.names.roles import UNITS, role_of
from factory.questions.variants import list_words
from factory.reference.entity_types import group_of
from factory.reference.properties import NAME, properties
from factory.wikidata.locales import CannotRenderError, nearest_locale
from factory.wikidata.quantities import METER, NO_UNIT
from factory.wikidata.value_text import render
from factory.wikidata.values import GREGORIAN, JULIAN

TIMES = {
    "day": f"+1889-03-31T00:00:00Z/11/{GREGORIAN}",
    "first day of a month": f"+2004-01-01T00:00:00Z/11/{GREGORIAN}",
    "day in the Julian calendar": f"+1492-10-12T00:00:00Z/11/{JULIAN}",
    "month": f"+1969-08-00T00:00:00Z/10/{GREGORIAN}",
    "year": f"+1985-00-00T00:00:00Z/9/{GREGORIAN}",
    "early year": f"+0079-00-00T00:00:00Z/9/{JULIAN}",
    "year before the era": f"-0044-00-00T00:00:00Z/9/{JULIAN}",
    "decade": f"+1850-00-00T00:00:00Z/8/{GREGORIAN}",
    "first century": f"+0050-00-00T00:00:00Z/7/{JULIAN}",
    "19th century": f"+1850-00-00T00:00:00Z/7/{GREGORIAN}",
    "century before the era": f"-0450-00-00T00:00:00Z/7/{JULIAN}",
}
"""A time of each form."""
QUANTITIES = {
    METER: ("0.4", "1", "2", "11", "8848.86"),
    NO_UNIT: ("1", "2", "11", "5000", "1234567"),
}
"""Amounts with different plural forms, separators and digits, by unit."""
IN_FRAMES = ("day", "month", "year", "year before the era", "decade", "19th century")
"""Times that every frame of a time is filled with."""
STAND_IN, MONTHS = "country", (1, 3, 5, 8, 12)
MANY = 5
"""Values of a long list."""


class Values:
    """The values of one template file's language."""

    def __init__(self, code: str) -> None:
        self.code, self.words = code, list_words(code)
        self.names = {row.value: row.text for row in lexicon.names([code])}

    def times(self) -> dict[str, str]:
        """Return the text of each time that the language can say, by its form."""
        rendered = {form: self._render("time", value) for form, value in TIMES.items()}
        return {form: text for form, text in rendered.items() if text}

    def quantities(self, unit: str) -> list[str]:
        """Return amounts of a unit."""
        rendered = (self._render("quantity", f"{amount}/{unit}") for amount in QUANTITIES[unit])
        return [text for text in rendered if text]

    def of(self, name: str, entity_type: str) -> list[str]:
        """Return values of a property. Those of its name depend on the entity type."""
        value_type = properties()[name].value_type
        if value_type == "time":
            times = self.times()
            return [times[form] for form in IN_FRAMES if form in times]
        if value_type == "quantity":
            return self.quantities(UNITS.get(role_of(name), NO_UNIT))
        kind = _kind_of_name(entity_type) if name == NAME else _kinds().get(name, STAND_IN)
        return list(itertools.islice(dict.fromkeys(self._of_kind(kind)), MANY))

    def lists(self, values: list[str]) -> list[str]:
        """Return a list of two values, and one of five."""
        return [self.joined(values[:2]), self.joined(values[:MANY])]

    def joined(self, values: list[str]) -> str:
        """Return a list as the language writes it."""
        if len(values) < 3:
            return self.words.pair.join(values)
        return self.words.separator.join(values[:-1]) + self.words.last + values[-1]

    def _of_kind(self, kind: str) -> Iterator[str]:
        table = _table()
        if kind == "month":
            months = nearest_locale(self.code).months["stand-alone"]["wide"]
            yield from (months[number] for number in MONTHS)
            return
        if kind == "person":
            yield table["person"].get(self.code, "Leonardo da Vinci")
        named = self._named(table["items"].get(kind, ()), _vocabularies().get(kind, {}))
        latin = table["latin"].get(kind, [])
        # One of the list is foreign, even if all have names in the language.
        yield from named[: MANY - 1] if latin else named
        yield from latin
        if len(named) + len(latin) < 2 and kind != STAND_IN:
            yield from self._of_kind(STAND_IN)
        # A long list has foreign places where the language lacks names.
        yield from table["latin"]["place"]

    def _named(self, *items: Iterable[str]) -> list[str]:
        return [self.names[item] for item in itertools.chain(*items) if item in self.names]

    def _render(self, value_type: str, value: str) -> str:
        try:
            return render(value_type, value, self.code)[0]
        except CannotRenderError:
            return ""


def _kind_of_name(entity_type: str) -> str:
    """Return the kind of the names of entities of a type."""
    group = entity_type if entity_type == "place" else group_of(entity_type)
    kinds = {"place": "place", "organization": "organization", "flag": "country"}
    kinds |= dict.fromkeys(("person", "deity"), "person")
    return kinds.get(group, "work")


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("factory.questions.preview").joinpath("values.toml").read_text("utf-8"))


@functools.cache
def _kinds() -> dict[str, str]:
    return {name: kind for kind, names in _table()["kinds"].items() for name in names}


@functools.cache
def _vocabularies() -> dict[str, dict[str, str]]:
    """Return the items of the lexicon's vocabularies."""
    return tomllib.loads(written.FOLDER.joinpath("items.toml").read_text("utf-8"))
