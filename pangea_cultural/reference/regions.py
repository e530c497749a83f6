"""The regions whose culture a data set covers. The table is data/regions.toml; a new row is a new region."""

import functools
from importlib import resources
from typing import Annotated

from pydantic import Field

from pangea_cultural.config import Config
from pangea_cultural.errors import unknown
from pangea_cultural.reference import table as tables

TABLE = resources.files("pangea_cultural.reference") / "regions.toml"
STATES_TABLE = resources.files("pangea_cultural.reference") / "ambiguous_states.toml"

Item = Annotated[str, Field(pattern=r"^Q[1-9]\d*$")]
"""Id of a Wikidata item."""


class Population(Config):
    """How many people live in a region."""

    count: int
    year: int
    source: str


class GdpPerCapita(Config):
    """Gross domestic product divided by the population."""

    usd: int
    """Current US dollars a person."""
    year: int
    source: str


class Region(Config):
    """One row of the region table."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name in recipes, paths and reports: `south_korea`."""
    name: str
    """English name."""
    qid: Item
    """Wikidata item of the country."""
    iso: str = Field(pattern="^[A-Z]{2}$")
    """ISO 3166-1 alpha-2 code."""
    languages: tuple[str, ...]
    """Main languages among the 39 (English is asked everywhere besides)."""
    also: tuple[Item, ...] = ()
    """Further items that stand for the region in claims: kingdoms, historic states."""
    population: Population | None = None
    """None in a row that a user has added without figures."""
    gdp_per_capita: GdpPerCapita | None = None
    """None in a row that a user has added without figures."""

    @property
    def items(self) -> tuple[str, ...]:
        """All Wikidata items that stand for the region."""
        return (self.qid, *self.also)


class AmbiguousState(Config):
    """A state of the past that several of today's countries come from."""

    qid: Item
    label: str
    """English label."""
    today: str
    """Today's countries between which it does not choose, in words."""


@functools.cache
def regions() -> dict[str, Region]:
    """All regions by slug, in the table's order.

    Raises:
        UserError: a row of the table does not fit.
    """
    return tables.read(Region, TABLE, "slug")


@functools.cache
def ambiguous_states() -> dict[str, str]:
    """English labels of the states of the past that are no single region, by Wikidata item.

    Raises:
        UserError: a row of the table does not fit.
    """
    return {qid: row.label for qid, row in tables.read(AmbiguousState, STATES_TABLE, "qid").items()}


def region(slug: str) -> Region:
    """The region of a slug.

    Raises:
        UserError: no such region; the message names near matches.
    """
    found = regions().get(slug.lower())
    if found is None:
        raise unknown("region", slug, regions())
    return found
