"""Kinds of entities, by their class (P31): a flag is asked about in other words than a person."""

import functools
import tomllib
from collections.abc import Iterable
from importlib import resources

ANY = "any"
"""The kind of what no class names."""


@functools.cache
def entity_types() -> dict[str, dict[str, str]]:
    """Classes of each kind: item to English label."""
    return tomllib.loads(resources.files("factory.reference").joinpath("entity_types.toml").read_text("utf-8"))


@functools.cache
def _kind_by_class() -> dict[str, str]:
    return {item: entity_type for entity_type, classes in entity_types().items() for item in classes}


def type_of(classes: Iterable[str]) -> str:
    """The kind of an entity, by the first of its classes that has one; `any` where none has."""
    return next((_kind_by_class()[item] for item in classes if item in _kind_by_class()), ANY)
