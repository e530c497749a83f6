"""The scope of a build: regions, languages and properties, and the claims and labels to read for them."""

import functools
from dataclasses import dataclass

from factory.reference.properties import (
    BIRTHPLACE,
    CITIZENSHIP,
    COUNTRY,
    NAME,
    STRUCTURE_PROPERTIES,
    SUPPORT_PROPERTIES,
    Property,
    properties,
)
from factory.wikidata.references import REFERENCED_TYPES, ReferencedType
from pangea_cultural.reference.languages import labels_for


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Regions, languages and properties that questions are about.

    Defaults are resolved, and names are in their canonical form.
    """

    regions: tuple[str, ...]
    """Slugs of the regions."""
    languages: tuple[str, ...]
    """Languages to ask in, the held-out ones included."""
    held_out_languages: tuple[str, ...] = ()
    """Languages of dev, test and unseen that are never in train."""
    properties: tuple[str, ...]
    """Ids of the property table: Wikidata properties, paths and `label`."""
    seed: int = 0
    """Seed of samples, splits and the order of options."""
    as_of: int = 9999
    """The year that counts as today: statements that have ended by then are past, and ages count until then."""
    living_people: bool = False
    """Ask about living people what the property table calls private."""
    referenced: tuple[ReferencedType, ...] = REFERENCED_TYPES
    """Types of values that are asked only if a reference names their source."""

    @functools.cached_property
    def answer_properties(self) -> frozenset[str]:
        """Wikidata properties that lead to an answer: the steps of paths, but not the entity's name."""
        return frozenset(step for row in self._rows() for step in (row.path or (row.id,)))

    @functools.cached_property
    def link_properties(self) -> tuple[str, ...]:
        """Properties that link an entity to a region, in the table's order."""
        return tuple(name for name, row in properties().items() if row.region_link)

    @functools.cached_property
    def step_properties(self) -> frozenset[str]:
        """Properties that lead from a value to another one: to a capital, or from a birthplace to its country."""
        return frozenset(step for row in self._rows() for step in row.path[1:]) | {COUNTRY}

    @functools.cached_property
    def value_properties(self) -> frozenset[str]:
        """Properties whose claims are kept for values: path steps, and those that tell what a value is and lies in."""
        return self.step_properties | frozenset(STRUCTURE_PROPERTIES)

    @functools.cached_property
    def read_properties(self) -> frozenset[str]:
        """Properties whose claims are read from documents."""
        support = (*SUPPORT_PROPERTIES, *STRUCTURE_PROPERTIES, BIRTHPLACE, CITIZENSHIP)
        return frozenset((*self.answer_properties, *self.link_properties, *support))

    @functools.cached_property
    def label_codes(self) -> frozenset[str]:
        """Wikidata label codes of the languages, besides `en` (for people who read the store) and `mul`."""
        regions = (None, *self.regions)
        codes = (code for name in self.languages for region in regions for code in labels_for(name, region))
        return frozenset(codes) | {"en", "mul"}

    def _rows(self) -> list[Property]:
        return [properties()[name] for name in self.properties if name != NAME]
