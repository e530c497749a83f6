"""Ids of entities and properties: those of Wikidata, and those of own knowledge, which no id of Wikidata equals."""

import re

NAME = "label"
"""Property of the questions that ask for an entity's name."""
OWN = "x:"
"""Start of the id of an entity that is not on Wikidata."""
OWN_TEXT = "x:text~"
"""Start of the id of a text that is a value."""
OWN_ENTITY = r"x:[a-z0-9_.~]{1,80}"
ENTITY = rf"(?:Q[1-9][0-9]{{0,14}}|{OWN_ENTITY})"
"""Pattern of the id of an entity."""
ALSO = "-x-also"
"""End of the label code of a further name, which is right but not shown. BCP 47 leaves such codes to private use."""
OWN_PROPERTY = r"[a-z][a-z0-9_]{0,59}"
PROPERTY = rf"(?:P[1-9][0-9]{{0,14}}|{OWN_PROPERTY})"
"""Pattern of the id of a property. Those of Wikidata begin with a capital."""
_ENTITY, _PROPERTY, _OWN_PROPERTY = re.compile(ENTITY), re.compile(PROPERTY), re.compile(OWN_PROPERTY)


def is_entity(name: str) -> bool:
    """Return whether a text is the id of an entity, of Wikidata or of an own table."""
    return _ENTITY.fullmatch(name) is not None


def is_property(name: str) -> bool:
    """Return whether a text is the id of a property, of Wikidata or of an own table."""
    return _PROPERTY.fullmatch(name) is not None


def is_own(name: str) -> bool:
    """Return whether an entity is of an own table."""
    return name.startswith(OWN)


def is_own_property(name: str) -> bool:
    """Return whether a text can be the id of an own property."""
    return _OWN_PROPERTY.fullmatch(name) is not None
