"""Properties that questions are about. The table is properties.toml: a new row is a new property."""

import re
from importlib import resources
from typing import Literal, Self

from pydantic import model_validator

from factory.reference.entity_types import ANY, entity_types
from factory.wikidata.entity import COMMONS
from pangea_cultural.config import Config
from pangea_cultural.errors import unknown
from pangea_cultural.reference.ids import NAME as NAME
from pangea_cultural.reference.ids import is_own_property
from pangea_cultural.reference.table import Table

OWN_NAME = "name"
"""Relation of names in own knowledge: what `label` asks for."""
RESERVED = (NAME, OWN_NAME, "type", "region", "image", "reviewed", "instructions")
"""Names that no own property can have: columns of own knowledge, and keys of template files."""
PHOTO_PROPERTIES = ("P18", "P8592", "P5775", "P3451", "P4291", "P8517", "P9721", "P1801")
"""Properties whose files are photos of the entity, best first. Flags, logos, maps and signatures are excluded."""
CATEGORY_PROPERTIES = ("P373", COMMONS)
"""Claims that lead to a Commons category. P373 comes first, because it is more frequent than the sitelink to
Commons."""
IMAGE_PROPERTIES = (*PHOTO_PROPERTIES, *CATEGORY_PROPERTIES)
CLASS, SUPERCLASS, AREA, WHOLE = "P31", "P279", "P131", "P361"
BIRTHPLACE, COUNTRY, CITIZENSHIP = "P19", "P17", "P27"
HUMAN = "Q5"
BIRTH, DEATH, BURIAL, SEX = "P569", "P570", "P119", "P21"
STRUCTURE_PROPERTIES = (CLASS, SUPERCLASS, AREA, WHOLE, "P1365", "P1366", COUNTRY, "P1001", SEX, BIRTH)
"""Properties that tell what an item is and lies in. They are read for values as well: what is part of an answer is no
wrong option, and people are exchanged with those of their sex and time. P1365 and P1366 lead to predecessors and
successors, P1001 to the jurisdiction."""
SUPPORT_PROPERTIES = (*PHOTO_PROPERTIES, "P373", DEATH, BURIAL)
"""Properties that are read for every recipe, although they are not asked about."""
_ID = re.compile(r"P[1-9]\d*")


class Property(Config):
    """One row of the property table."""

    id: str
    """Wikidata's id, `label` for the entity's own name, `P17/P36` for a path of two steps, or the name of a relation of
    own knowledge in lower case."""
    label: str
    """Wikidata's English label."""
    theme: str = "own"
    """Group of the property: identity, place, heritage, art, food, festival or people."""
    value_type: Literal["item", "time", "quantity", "text"]
    """Type of the answers: label of an item, time in its precision, or amount with its unit. `text` is a text that own
    knowledge states in one or several languages."""
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
    asked_of: tuple[str, ...] = ()
    """Entity types that the property is asked about. The entity's own name is asked for with every other type."""
    not_asked_of: tuple[str, ...] = ()
    """Entity types whose own name is not asked for."""
    state: bool = False
    """The fact can change: a claim with an end is not a fact of today, and not an answer."""
    private: bool = False
    """The property is not asked about living people, unless the recipe has `living_people = true`."""
    functional: bool = False
    """There is one right value, such as a date of birth. Several best values without a difference ask nothing."""

    @property
    def is_own(self) -> bool:
        """Whether it is a relation of own knowledge, and not a property of Wikidata."""
        return is_own_property(self.id) and self.id not in RESERVED

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        for name in (*self.asked_of, *self.not_asked_of):
            if name not in entity_types() and not (name == ANY and name in self.not_asked_of):
                raise ValueError(f"asked_of: {unknown('entity type', name, entity_types())}")
        if self.not_asked_of and self.id != NAME:
            raise ValueError(f"Only {NAME} has not_asked_of. Leave the types out of asked_of.")
        if self.id != NAME and self.question != bool(self.asked_of):
            raise ValueError("Name the entity types in asked_of, or write question = false without asked_of.")
        return self

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        if self.path:
            if len(self.path) != 2 or self.id != "/".join(self.path):
                raise ValueError(f'A path must have two steps. Name its table after them: ["{"/".join(self.path)}"].')
        elif self.id != NAME and not _ID.fullmatch(self.id) and not self.is_own:
            raise ValueError(
                f"{self.id!r} is not a property. Write P and a number, a path, or a word in lower case for a relation "
                f"of your own (not {', '.join(RESERVED)})."
            )
        if self.value_type == "text" and not self.is_own:
            raise ValueError("Only a relation of your own has texts as values. Write another value_type.")
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
