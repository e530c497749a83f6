"""Entity types, by Wikidata class (P31). Questions about a flag differ from questions about a person."""

import functools
import tomllib
from collections.abc import Iterable
from importlib import resources

ANY = "any"
"""Type of entities without a class of the table."""


@functools.cache
def entity_types() -> dict[str, dict[str, str]]:
    """Return the classes of each entity type: English labels by item."""
    return tomllib.loads(resources.files("factory.reference").joinpath("entity_types.toml").read_text("utf-8"))


@functools.cache
def _type_by_class() -> dict[str, str]:
    return {item: entity_type for entity_type, classes in entity_types().items() for item in classes}


def type_of(classes: Iterable[str]) -> str:
    """Return the entity type of the first class that has one, or `any`."""
    return next((_type_by_class()[item] for item in classes if item in _type_by_class()), ANY)
