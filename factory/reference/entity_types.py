"""Entity types, by Wikidata class. Questions about a flag differ from questions about a person.

The tables are entity_types.toml and refused_classes.toml. Each type belongs to a group: a text about a place fits
buildings and settlements.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import resources
from typing import NamedTuple, Self

from pydantic import model_validator

from factory.wikidata.values import ITEM
from pangea_cultural.config import Config
from pangea_cultural.reference import own_tables
from pangea_cultural.reference.table import Table

ANY = "any"
"""Type of entities without a class of the table, and of its row `any`. Only their name is asked for."""
A_CLASS = "class"
"""Refusal of a class of places: an image shows one castle, not the class of castles."""
MAX_STEPS = 6
"""Number of steps from a class to a superclass of the tables. Longer chains end at classes such as `entity`."""


class _Classes(Config):
    classes: Mapping[str, str] = {}
    """Wikidata classes (P31): English labels by item. A type of own knowledge needs none."""

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        for item in self.classes:
            if not ITEM.fullmatch(item):
                raise ValueError(f"{item!r} is not an item. Write Q and a number.")
        return self


class EntityType(_Classes):
    """One row of the table of entity types."""

    name: str
    """Name of the type, as in templates and in the store."""
    group: str = ""
    """Group of types; the type's own name by default."""
    broad: tuple[str, ...] = ()
    """Classes that say little, such as `building`. They count after the specific classes of all types."""
    kinds: bool = False
    """The entities are kinds, such as a dish or an instrument: they are asked about although they are classes."""

    @model_validator(mode="after")
    def _check_broad(self) -> Self:
        for item in self.broad:
            if item not in self.classes:
                raise ValueError(f"broad: {item} is not among the classes. Add it there.")
        return self


class RefusedClasses(_Classes):
    """One row of the table of refused classes."""

    name: str
    """Name of the row."""
    reason: str
    """Name for the entities, a part of the reason to reject them."""


class Verdict(NamedTuple):
    """Type of an entity, and whether it is refused."""

    entity_type: str
    refusal: str = ""
    """Reason to refuse the entity, or an empty text."""


_FOLDER = resources.files("factory.reference")
TABLE = Table(EntityType, _FOLDER / "entity_types.toml", key="name", label="entity type")
REFUSED_TABLE = Table(RefusedClasses, _FOLDER / "refused_classes.toml", key="name", label="refused class")


@own_tables.cached
def entity_types() -> dict[str, EntityType]:
    """Return the types by name, without `any`. An entity of several classes gets the type that comes first.

    Raises:
        UserError: a row of the table is not valid.
    """
    return {name: row for name, row in TABLE.rows.items() if name != ANY}


def refused_classes() -> dict[str, RefusedClasses]:
    """Return the rows of refused classes by name.

    Raises:
        UserError: a row of the table is not valid.
    """
    return REFUSED_TABLE.rows


def group_of(entity_type: str) -> str:
    """Return the group of a type. `any` is a group of its own."""
    row = entity_types().get(entity_type)
    return (row.group or row.name) if row else ANY


def types_of(name: str) -> tuple[str, ...]:
    """Return the types of a group or a type, in the table's order. `any` has no types."""
    return tuple(row.name for row in entity_types().values() if name in (row.name, row.group))


def group_names() -> tuple[str, ...]:
    """Return the names that templates may have: `any`, all types, and all groups."""
    rows = entity_types().values()
    return tuple(dict.fromkeys((ANY, *(row.name for row in rows), *(row.group for row in rows if row.group))))


def broad_classes() -> frozenset[str]:
    """Return the broad classes of all types."""
    return frozenset(item for row in entity_types().values() for item in row.broad)


@own_tables.cached
def _by_class() -> dict[str, tuple[int, Verdict]]:
    """Return what each class says, with its position: refusals, specific classes in the table's order, broad ones."""
    refused = {item: (-1, Verdict(ANY, row.reason)) for row in refused_classes().values() for item in row.classes}
    rows = list(enumerate(TABLE.rows.values()))
    return {
        item: (position + len(rows) * (item in row.broad), Verdict(row.name))
        for position, row in rows
        for item in row.classes
    } | refused


def _no_superclasses(_: str) -> Collection[str]:
    return ()


def classify(
    classes: Iterable[str],
    own_superclasses: Collection[str] = (),
    superclasses: Callable[[str], Iterable[str]] = _no_superclasses,
) -> Verdict:
    """Return the entity type, and the refusal if there is one.

    Classes of the tables count first, then those that are one step further up, and so on. Among classes of equal
    distance, refusals come first, then specific classes, then broad ones, each in the order of the table's types.

    Args:
        classes: classes of the entity, the values of P31.
        own_superclasses: values of P279. An entity that has some is a class itself.
        superclasses: returns the superclasses of a class.
    """
    classes = set(classes)
    verdict = _nearest(classes, superclasses)
    if not own_superclasses or verdict.refusal:
        return verdict
    # The row `any` has bands and teams: individuals as well.
    is_known = verdict.entity_type != ANY or not classes.isdisjoint(_by_class())
    is_individual = is_known and group_of(verdict.entity_type) != "place"
    if not is_individual:
        verdict = _nearest(set(own_superclasses), superclasses)
    row = entity_types().get(verdict.entity_type)
    if verdict.refusal or is_individual or (row and row.kinds):
        return verdict
    return Verdict(verdict.entity_type, A_CLASS)


def type_of(classes: Iterable[str], superclasses: Callable[[str], Iterable[str]] = _no_superclasses) -> str:
    """Return the entity type of classes, or `any`."""
    return classify(classes, (), superclasses).entity_type


def _nearest(level: set[str], superclasses: Callable[[str], Iterable[str]]) -> Verdict:
    known, reached = _by_class(), set[str]()
    for _ in range(MAX_STEPS + 1):
        verdicts = [known[item] for item in level if item in known]
        if verdicts:
            return min(verdicts)[1]
        reached |= level
        level = {above for item in level for above in superclasses(item)} - reached
        if not level:
            break
    return Verdict(ANY)
