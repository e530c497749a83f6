"""The language table: the 39 languages of CulturalGround, and those that only benchmarks use."""

from collections.abc import Mapping
from importlib import resources
from typing import Any, Literal

from pydantic import Field, model_validator

from pangea_cultural.config import Config
from pangea_cultural.reference.table import Table


class Language(Config):
    """One row of the language table."""

    code: str
    """BCP 47 code. Norwegian is `no`, as in CulturalGround, with Wikidata's `nb` as its first label."""
    name: str
    """English name, used in prompts and reports."""
    native: str
    """The language's name in the language itself."""
    script: str
    """ISO 15924 code of the script that questions are written in."""
    direction: Literal["ltr", "rtl"] = "ltr"
    labels: tuple[str, ...] = ()
    """Wikidata label codes to try, in order. Default: the language's code."""
    regional_labels: Mapping[str, tuple[str, ...]] = {}
    """Label codes of regions with other codes, by slug: Taiwan writes Chinese in Traditional characters."""
    aliases: tuple[str, ...] = ()
    """Other codes that users and data sets write (`iw`, `nb`, `jw`)."""
    resource_class: int | None = Field(None, ge=0, le=5)
    """Class of Joshi et al. 2020, from 0 (hardly any data) to 5; None if it is unknown. Reports cut scores by it."""
    cultural_ground: bool = True
    """Whether it is one of the 39 training languages; False for a language that only benchmarks use."""

    @model_validator(mode="before")
    @classmethod
    def _default_labels(cls, row: dict[str, Any]) -> dict[str, Any]:
        return {"labels": (row["code"],)} | row


TABLE = Table(
    Language,
    resources.files("pangea_cultural.reference") / "languages.toml",
    key="code",
    label="language",
    aliases="aliases",
)


def languages() -> dict[str, Language]:
    """Return all languages by code, in the table's order.

    Raises:
        UserError: a row of the table is invalid.
    """
    return TABLE.rows


def language(code: str) -> Language:
    """Return the language of a code or alias.

    Raises:
        UserError: the language is unknown; the message names near matches.
    """
    return TABLE.find(code)


def labels_for(code: str, region: str | None = None) -> tuple[str, ...]:
    """Return the Wikidata label codes to try for a language, in order.

    Store the code of every label that is used: only `zh-hant` or `zh-hans` shows which characters a Chinese label has.

    Args:
        code: language code or alias.
        region: slug of the region that the text is about; None for the language's usual order.

    Raises:
        UserError: the language is unknown; the message names near matches.
    """
    row = language(code)
    return row.regional_labels.get(region, row.labels) if region else row.labels


def training_languages() -> list[str]:
    """Return the codes of the 39 languages of CulturalGround."""
    return [code for code, row in languages().items() if row.cultural_ground]
