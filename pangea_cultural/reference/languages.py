"""The languages: the 39 of CulturalGround, and those that benchmarks hold out. The table is data/languages.toml."""

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any, Literal

from pydantic import model_validator

from pangea_cultural.config import Config
from pangea_cultural.errors import unknown
from pangea_cultural.reference import table as tables

TABLE = resources.files("pangea_cultural.reference") / "languages.toml"


class Language(Config):
    """One row of the language table."""

    code: str
    """Our code: BCP 47; Norwegian is `no` (CulturalGround's code), with Wikidata's `nb` as its first label."""
    name: str
    """English name, as prompts and reports print it."""
    native: str
    """The language's name in itself."""
    script: str
    """ISO 15924 code of the script that questions are written in."""
    direction: Literal["ltr", "rtl"] = "ltr"
    labels: tuple[str, ...] = ()
    """Wikidata label codes to try, in order; the language's own code where the table names none."""
    regional_labels: Mapping[str, tuple[str, ...]] = {}
    """Label codes in a region, by its slug, where they are others: Taiwan writes Chinese in Traditional characters."""
    aliases: tuple[str, ...] = ()
    """Other codes that users and data sets write (`iw`, `nb`, `jw`)."""
    cultural_ground: bool = True
    """One of the 39 training languages; False for a language that only benchmarks use."""

    @model_validator(mode="before")
    @classmethod
    def _labels_under_its_own_code(cls, row: dict[str, Any]) -> dict[str, Any]:
        return {"labels": (row["code"],)} | row


@functools.cache
def languages() -> dict[str, Language]:
    """All languages by code, in the table's order.

    Raises:
        UserError: a row of the table does not fit.
    """
    return tables.read(Language, TABLE, "code")


@functools.cache
def _by_any_code() -> dict[str, Language]:
    rows = languages()
    return rows | {alias: row for row in rows.values() for alias in row.aliases}


def language(code: str) -> Language:
    """The language of a code or alias.

    Raises:
        UserError: no such language; the message names near matches.
    """
    found = _by_any_code().get(code.lower())
    if found is None:
        raise unknown("language", code, _by_any_code())
    return found


def labels_for(code: str, region: str | None = None) -> tuple[str, ...]:
    """Wikidata label codes to try for a language, in order.

    Which characters a Chinese label is written in can be told by its code alone, and not at all by the bare `zh`: keep
    the code beside every label that is used.

    Args:
        code: our language code or an alias.
        region: slug of the region that the text is about; None for the language's usual order.

    Raises:
        UserError: no such language; the message names near matches.
    """
    row = language(code)
    return row.regional_labels.get(region, row.labels) if region else row.labels


def training_languages() -> list[str]:
    """Codes of the 39 languages of CulturalGround."""
    return [code for code, row in languages().items() if row.cultural_ground]
