"""The properties that questions are about. The table is properties.toml; a new row is a new property."""

import re
from importlib import resources
from typing import Literal, Self

from pydantic import model_validator

from factory.wikidata.entity import COMMONS
from pangea_cultural.config import Config
from pangea_cultural.reference.table import Table

PHOTO_PROPERTIES = ("P18", "P8592", "P5775", "P3451", "P4291", "P8517", "P9721", "P1801")
"""Properties whose files are photos of the entity, best first; flags, logos, maps, banners and signatures are not."""
CATEGORY_PROPERTIES = ("P373", COMMONS)
"""Commons categories of an entity: the property, which is more frequent, before the sitelink."""
IMAGE_PROPERTIES = (*PHOTO_PROPERTIES, *CATEGORY_PROPERTIES)
SUPPORT_PROPERTIES = ("P31", *PHOTO_PROPERTIES, "P373")
"""Properties that are read for every recipe."""
BIRTHPLACE, COUNTRY, CITIZENSHIP = "P19", "P17", "P27"

NAME = "label"
"""The id that stands for the entity's own name."""
PHOTO_PROPERTIES = ("P18", "P8592", "P5775", "P3451", "P4291", "P8517", "P9721", "P1801")
"""Properties whose files are photos of the entity. Flags, logos, maps, banners and signatures are excluded."""
CATEGORY_PROPERTIES = ("P373", COMMONS)
"""Claims that lead to a Commons category. P373 is more frequent, so it precedes the sitelink that replaces it."""
IMAGE_PROPERTIES = (*PHOTO_PROPERTIES, *CATEGORY_PROPERTIES)
SUPPORT_PROPERTIES = ("P31", *PHOTO_PROPERTIES, "P373")
"""Properties that are always read, although they are not asked about."""
_ID = re.compile(r"P[1-9]\d*")


class Property(Config):
    """One row of the property table."""

    id: str
    """Wikidata's id; `label` for the entity's own name; `P17/P36` for a path of two steps."""
    label: str
    """Wikidata's English label."""
    theme: str
    """A heading to group by: identity, place, heritage, art, food, festival, people."""
    value_type: Literal["item", "time", "quantity"]
    """What an answer is: the label of an item, a time by its precision, an amount with its unit."""
    region_link: bool = False
    """Ties an entity to a region: the claim's value is one of the region's items."""
    linked_by: tuple[str, ...] = ()
    """What ties the entities with this property to a region, likeliest first: link properties, and paths (`P19/P17`)
    whose last value is one of the region's items. A query for the property in a region joins on these."""
    visible: bool = False
    """The answer can be seen in the image, without knowing the entity."""
    sensitive: bool = False
    """Not asked about people: faith, ethnicity."""
    path: tuple[str, ...] = ()
    """The steps from the entity to the answer, where it is more than one."""
    question: bool = True
    """False for a property that is not asked for; the table says why."""

    @model_validator(mode="after")
    def _ids_that_a_claim_can_have(self) -> Self:
        if self.path:
            if len(self.path) != 2 or self.id != "/".join(self.path):
                raise ValueError(f'a path has two steps, and its table is named after them: ["{"/".join(self.path)}"]')
        elif self.id != NAME and not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is no property: write P and a number, or a path")
        for step in (*self.path, *(step for link in self.linked_by for step in link.split("/"))):
            if not _ID.fullmatch(step):
                raise ValueError(f"{step!r} is no property: write P and a number")
        return self


TABLE = Table(Property, resources.files("factory.reference") / "properties.toml", key="id", label="property")


def properties() -> dict[str, Property]:
    """Return all properties by id, in the table's order.

    Raises:
        UserError: a row of the table does not fit.
    """
    return TABLE.rows


def property_of(name: str) -> Property:
    """Return the property of an id.

    Raises:
        UserError: the property is unknown; the message names near matches.
    """
    return TABLE.find(name)
