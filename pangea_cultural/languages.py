"""The languages: the 39 of CulturalGround, and those that benchmarks hold out. The table is data/languages.toml."""

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

from pangea_cultural.errors import unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """One row of the language table."""

    code: str
    """Our code: BCP 47; Norwegian is `no` (CulturalGround's code), with Wikidata's `nb` as its first label."""
    name: str
    """English name, as prompts and reports print it."""
    native: str
    """The language's name in itself."""
    script: str
    """ISO 15924 code of the script that questions are written in."""
    direction: str = "ltr"
    """`ltr` or `rtl`."""
    labels: tuple[str, ...] = ()
    """Wikidata label codes to try, in order; the language's own code where the table names none."""
    aliases: tuple[str, ...] = ()
    """Other codes that users and data sets write (`iw`, `nb`, `jw`)."""
    cultural_ground: bool = True
    """One of the 39 training languages; False for a language that only benchmarks use."""


@functools.cache
def languages() -> dict[str, Language]:
    """All languages by code, in the table's order."""
    table = tomllib.loads(resources.files("pangea_cultural").joinpath("data/languages.toml").read_text("utf-8"))
    rows = {}
    for code, row in table.items():
        labels, aliases = tuple(row.pop("labels", (code,))), tuple(row.pop("aliases", ()))
        rows[code] = Language(code=code, labels=labels, aliases=aliases, **row)
    return rows


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


def training_languages() -> list[str]:
    """Codes of the 39 languages of CulturalGround."""
    return [code for code, row in languages().items() if row.cultural_ground]
