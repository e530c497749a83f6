"""Names of CLDR (through Babel): territories, continents and languages, by Wikidata item."""

import functools
import re
import tomllib
from collections.abc import Iterator
from importlib import resources

from factory.wikidata.locales import CannotRenderError, locale_of
from pangea_cultural.reference.regions import regions

MYANMAR = "Q836"
"""Country whose name CLDR gives with the former one: `Myanmar (Burma)`."""
_OTHER_NAME = re.compile(r" ?[(（].*[)）]$")
_UNUSUAL = re.compile(r"[&()（）/]| - |\bо-ва?\b|\.$")
"""Spellings of lists, such as `Noors - Bokmål`, `sámština (severní)` and `Соломоновы о-ва`."""


@functools.cache
def items() -> dict[str, dict[str, str]]:
    """Return the Wikidata items of CLDR's codes, by kind: `territories` and `languages`."""
    return tomllib.loads(resources.files("factory.questions.lexicon").joinpath("cldr.toml").read_text("utf-8"))


def names(language: str) -> Iterator[tuple[str, str]]:
    """Yield items and their names in a language; none if CLDR lacks it."""
    try:
        locale = locale_of(language)
    except CannotRenderError:
        return
    english = locale_of("en")
    for code, item in _territories().items():
        yield from _name(item, locale.territories.get(code), language, english.territories.get(code))
    for code, item in items()["languages"].items():
        name = locale.languages.get(code)
        # As in lists: "Tiếng Đức".
        name = name[0].lower() + name[1:] if name and language == "vi" else name
        yield from _name(item, name, language, english.languages.get(code))


def territories() -> frozenset[str]:
    """Return the items of countries and continents."""
    return frozenset(_territories().values())


def _territories() -> dict[str, str]:
    return items()["territories"] | {row.iso: row.qid for row in regions().values() if row.iso and row.qid}


def _name(item: str, name: str | None, language: str, english: str | None) -> Iterator[tuple[str, str]]:
    """Yield an item and its name, if people write it so."""
    # CLDR fills gaps of Igbo with English names, and abbreviates "and".
    if name and not (language == "ig" and name == english):
        name = name.replace(" & ", " and ") if language == "en" else name
        name = _OTHER_NAME.sub("", name) if item == MYANMAR else name
        if not _UNUSUAL.search(name):
            yield item, name
