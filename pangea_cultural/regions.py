"""The regions whose culture a data set covers. The table is data/regions.toml; a new row is a new region."""

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

from pangea_cultural.errors import unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """One row of the region table."""

    slug: str
    """Name in recipes, paths and reports: `south_korea`."""
    name: str
    """English name."""
    qid: str
    """Wikidata item of the country."""
    iso: str
    """ISO 3166-1 alpha-2 code."""
    languages: tuple[str, ...]
    """Main languages among the 39 (English is asked everywhere besides)."""
    also: tuple[str, ...] = ()
    """Further items that stand for the region in claims: kingdoms, historic states."""


@functools.cache
def regions() -> dict[str, Region]:
    """All regions by slug, in the table's order."""
    table = tomllib.loads(resources.files("pangea_cultural").joinpath("data/regions.toml").read_text("utf-8"))
    return {
        slug: Region(
            slug=slug,
            name=row["name"],
            qid=row["qid"],
            iso=row["iso"],
            languages=tuple(row["languages"]),
            also=tuple(row.get("also", ())),
        )
        for slug, row in table.items()
    }


def region(slug: str) -> Region:
    """The region of a slug.

    Raises:
        UserError: no such region; the message names near matches.
    """
    found = regions().get(slug.lower())
    if found is None:
        raise unknown("region", slug, regions())
    return found
