"""Properties that questions are about. The table is properties.toml: a new row is a new property."""

import re
from importlib import resources
from typing import Literal, Self

from pydantic import model_validator

from factory.wikidata.entity import COMMONS
from pangea_cultural.config import Config
from pangea_cultural.reference.table import Table

NAME = "label"
"""Id of the entity's own name."""
PHOTO_PROPERTIES = ("P18", "P8592", "P5775", "P3451", "P4291", "P8517", "P9721", "P1801")
"""Properties whose files are photos of the entity, best first. Flags, logos, maps and signatures are excluded."""
CATEGORY_PROPERTIES = ("P373", COMMONS)
"""Claims that lead to a Commons category. P373 comes first, because it is more frequent than the sitelink to
Commons."""
IMAGE_PROPERTIES = (*PHOTO_PROPERTIES, *CATEGORY_PROPERTIES)
SUPPORT_PROPERTIES = ("P31", *PHOTO_PROPERTIES, "P373")
"""Properties that are read for every recipe, although they are not asked about."""
BIRTHPLACE, COUNTRY, CITIZENSHIP = "P19", "P17", "P27"
_ID = re.compile(r"P[1-9]\d*")


class Property(Config):
    """One row of the property table."""

    id: str
    """Wikidata's id, `label` for the entity's own name, or `P17/P36` for a path of two steps."""
    label: str
    """Wikidata's English label."""
    theme: str
    """Group of the property: identity, place, heritage, art, food, festival or people."""
    value_type: Literal["item", "time", "quantity"]
    """Type of the answers: label of an item, time in its precision, or amount with its unit."""
    region_link: bool = False
    """A claim whose value is one of a region's items links the entity to the region."""
    linked_by: tuple[str, ...] = ()
    """Links from entities with this property to a region, most frequent first. A link is a link property, or a path
    (`P19/P17`) whose last value is one of the region's items. A query for the property in a region joins on these."""
    visible: bool = False
    """The image shows the answer, even to someone who does not know the entity."""
    sensitive: bool = False
    """The property is not asked about people: faith, ethnicity."""
    path: tuple[str, ...] = ()
    """Steps from the entity to the answer, if there are two."""
    question: bool = True
    """False for a property that is not asked about. The table states the reason."""

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        if self.path:
            if len(self.path) != 2 or self.id != "/".join(self.path):
                raise ValueError(f'A path must have two steps. Name its table after them: ["{"/".join(self.path)}"].')
        elif self.id != NAME and not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is not a property. Write P and a number, or a path.")
        for step in (*self.path, *(step for link in self.linked_by for step in link.split("/"))):
            if not _ID.fullmatch(step):
                raise ValueError(f"{step!r} is not a property. Write P and a number.")
        return self


TABLE = Table(Property, resources.files("factory.reference") / "properties.toml", key="id", label="property")


def properties() -> dict[str, Property]:
    """Return all properties by id, in the table's order.

    Raises:
        UserError: a row of the table is not valid.
    """
    return TABLE.rows


def property_of(name: str) -> Property:
    """Return the property of an id.

    Raises:
        UserError: the property is unknown. The message names near matches.
    """
    return TABLE.find(name)
