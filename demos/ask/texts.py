"""Texts of the page in 39 languages, from a table, and the direction of each language."""

import functools
import tomllib
from importlib import resources

from pangea_cultural.reference.languages import language, training_languages

FIRST = "en"
REVIEWED = "reviewed"
"""Key with the name of the native speaker who read the texts of a language, and the date; empty if none has."""


@functools.cache
def table() -> dict[str, dict[str, str]]:
    """Return the texts by language code and name, without the marks of readers."""
    content = tomllib.loads(resources.files("demos.ask").joinpath("texts.toml").read_text("utf-8"))
    return {code: {name: text for name, text in rows.items() if name != REVIEWED} for code, rows in content.items()}


def codes() -> list[str]:
    """Return the codes of the interface's languages, in the order of the language table."""
    return [code for code in training_languages() if code in table()]


def text(code: str, name: str, **values: object) -> str:
    """Return a text of the page with its values."""
    return table()[code][name].format(**values) if values else table()[code][name]


def is_rtl(code: str) -> bool:
    """Return whether a language is written from right to left."""
    return language(code).direction == "rtl"


def preferred(wanted: str) -> str:
    """Return the first language of a browser's list that the page has, or English.

    Args:
        wanted: codes with commas between them, such as `pt-BR,en`, or any other text.
    """
    for tag in wanted[:500].split(","):
        code = tag.strip().lower().split("-")[0].split("_")[0]
        code = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "jw": "jv"}.get(code, code)
        if code in table():
            return code
    return FIRST
