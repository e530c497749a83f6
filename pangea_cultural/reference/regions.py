"""The region table: the regions whose culture a data set covers."""

from importlib import resources
from typing import Annotated

from pydantic import Field

from pangea_cultural.config import Config
from pangea_cultural.reference.table import Table

Item = Annotated[str, Field(pattern=r"^Q[1-9]\d*$")]
"""ID of a Wikidata item."""


class Population(Config):
    """The population of a region."""

    count: int
    year: int
    source: str


class GdpPerCapita(Config):
    """The gross domestic product of a region, divided by its population."""

    usd: int
    """Current US dollars per person."""
    year: int
    source: str


class Region(Config):
    """One row of the region table."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name in recipes, paths and reports: `south_korea`."""
    name: str
    """English name."""
    qid: str = Field(default="", pattern=r"^(Q[1-9]\d*)?$")
    """Wikidata item of the country. A region of own knowledge can do without."""
    iso: str = Field(default="", pattern="^([A-Z]{2})?$")
    """ISO 3166-1 alpha-2 code. Empty for a part of a country: its name is not that of the country."""
    languages: tuple[str, ...]
    """Main languages among the 39; English is added for every region."""
    also: tuple[Item, ...] = ()
    """Further items that represent the region in claims: kingdoms, historic states."""
    population: Population | None = None
    """None in a row of a user that has no figures."""
    gdp_per_capita: GdpPerCapita | None = None
    """None in a row of a user that has no figures."""

    @property
    def items(self) -> tuple[str, ...]:
        """All Wikidata items that represent the region."""
        return (*([self.qid] if self.qid else ()), *self.also)


class AmbiguousState(Config):
    """A historic state whose territory belongs to several countries today."""

    qid: Item
    label: str
    """English label."""
    today: str
    """Names of today's countries on its territory."""


TABLE = Table(Region, resources.files("pangea_cultural.reference") / "regions.toml", key="slug", label="region")
STATES_TABLE = Table(
    AmbiguousState,
    resources.files("pangea_cultural.reference") / "ambiguous_states.toml",
    key="qid",
    label="historic state",
)


def regions() -> dict[str, Region]:
    """Return all regions by slug, in the table's order.

    Raises:
        UserError: a row of the table does not fit.
    """
    return TABLE.rows


def ambiguous_states() -> dict[str, str]:
    """Return the English labels of the historic states that are not a single region, by Wikidata item.

    Raises:
        UserError: a row of the table does not fit.
    """
    return {qid: row.label for qid, row in STATES_TABLE.rows.items()}


def region(slug: str) -> Region:
    """Return the region of a slug.

    Raises:
        UserError: the region is unknown; the message names near matches.
    """
    return TABLE.find(slug)
