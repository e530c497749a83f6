"""Names in the 39 languages of CulturalGround, from CLDR: Babel's data, and the short names of emoji."""

import functools
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson
from babel import Locale

from pangea_cultural.reference.languages import Language, language, languages, training_languages

GAPS_IN_ENGLISH = frozenset({"ig", "su"})
"""Languages in which CLDR replaces missing names by English ones. English names are left out."""
BABEL_CODES = {"no": "nb"}
SCRIPT_NAMES = {
    "Arab": {"ARABIC"},
    "Beng": {"BENGALI"},
    "Cyrl": {"CYRILLIC"},
    "Deva": {"DEVANAGARI"},
    "Ethi": {"ETHIOPIC"},
    "Grek": {"GREEK"},
    "Hans": {"CJK"},
    "Hebr": {"HEBREW"},
    "Jpan": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    "Kore": {"HANGUL"},
    "Latn": {"LATIN", "MODIFIER"},
    "Sinh": {"SINHALA"},
    "Taml": {"TAMIL"},
    "Telu": {"TELUGU"},
    "Thai": {"THAI"},
}
"""First words of the Unicode names of a script's letters."""

Names = dict[str, str]
"""Names by Wikidata's label codes."""


def territory(code: str) -> Names:
    """Return the names of a country (ISO code) or a continent (UN M49 code)."""
    return _in_all_languages(lambda locale: locale.territories.get(code))


def language_names(code: str) -> Names:
    """Return the names of a language."""
    return _in_all_languages(lambda locale: locale.languages.get(code))


def city(zone: str) -> Names:
    """Return the names of the example city of a time zone.

    If a locale has no name, CLDR falls back to the last part of the zone's id, which suits Latin script only.
    """
    fallback = zone.rpartition("/")[2].replace("_", " ")
    return _in_all_languages(lambda locale: locale.time_zones.get(zone, {}).get("city", fallback))


def emoji(character: str, codes: Iterable[str], annotations: Path) -> Names:
    """Return CLDR's short names of an emoji.

    Args:
        character: the emoji.
        codes: language codes of the names.
        annotations: folder of the npm package cldr-annotations-full.
    """
    rows = [language(code) for code in codes]
    names = {row.labels[0]: _short_names(row.code, annotations)[character]["tts"][0] for row in rows}
    for row in rows:
        if not in_script(names[row.labels[0]], row.script):
            raise ValueError(f"{character}: {names[row.labels[0]]!r} is not in the script of {row.name}.")
    return names


def in_script(text: str, script: str) -> bool:
    """Return whether all letters of a text belong to a script."""
    return all(
        unicodedata.name(letter).split()[0] in SCRIPT_NAMES[script]
        for letter in text
        if unicodedata.category(letter)[0] == "L"
    )


def _in_all_languages(name_in: Callable[[Locale], str | None]) -> Names:
    english = name_in(Locale("en"))
    names = {}
    for row in _languages():
        name = name_in(Locale(BABEL_CODES.get(row.code, row.code)))
        if name is None or not in_script(name, row.script):
            continue
        if row.code in GAPS_IN_ENGLISH and name == english:
            continue
        names[row.labels[0]] = name
    return names


def _languages() -> list[Language]:
    return [languages()[code] for code in training_languages()]


@functools.cache
def _short_names(code: str, annotations: Path) -> dict[str, dict[str, list[str]]]:
    content = orjson.loads((annotations / "annotations" / code / "annotations.json").read_bytes())
    return content["annotations"]["annotations"]
