"""The properties that questions are about. The table is properties.toml; a new row is a new property."""

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from pangea_cultural.errors import unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    """One row of the property table."""

    id: str
    """Wikidata's id; `label` for the entity's own name; `P17/P36` for a path of two steps."""
    label: str
    theme: str
    value_type: Literal["item", "time", "quantity"]
    region_link: bool = False
    """Ties an entity to a region."""
    visible: bool = False
    """The answer can be seen in the picture, without knowing the entity."""
    path: tuple[str, ...] = ()
    """The steps from the entity to the answer, where it is more than one."""
    question: bool = True
    """False for a property that only links to a region."""


@functools.cache
def properties() -> dict[str, Property]:
    """All properties by id, in the table's order."""
    table = tomllib.loads(resources.files("factory").joinpath("properties.toml").read_text("utf-8"))
    return {name: Property(id=name, path=tuple(row.pop("path", ())), **row) for name, row in table.items()}


def property_of(name: str) -> Property:
    """The property of an id.

    Raises:
        UserError: no such property; the message names near matches.
    """
    found = properties().get(name)
    if found is None:
        raise unknown("property", name, properties())
    return found
