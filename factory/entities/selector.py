"""Selection of entities: those with a link to a region, an image and a property to ask about.

A `Selector` turns a document into rows for the store or into a rejection. It does not depend on the document's source.
"""

import re

from factory.entities.base import BROKEN_LINE, DocumentLine, SkippedEntity
from factory.entities.entity_rows import EntityRowsBuilder
from factory.entities.life import MINOR, life
from factory.entities.sources.structure_claims import Finder, Skippable
from factory.reference.entity_types import A_CLASS, ANY, classify
from factory.reference.properties import (
    BIRTHPLACE,
    CITIZENSHIP,
    CLASS,
    COUNTRY,
    HUMAN,
    IMAGE_PROPERTIES,
    NAME,
    SUPERCLASS,
    properties,
)
from factory.scope import Scope
from factory.store.store import Rejection
from factory.wikidata import partial_json
from factory.wikidata.entity import NOT_AN_OBJECT, Entity, MalformedDocumentError, read_entity, read_labels
from pangea_cultural.reference.ids import is_own
from pangea_cultural.reference.regions import ambiguous_states, region

# Reasons of rejections.
HISTORIC_STATE = "country is a historic state of several regions: {}"
IS_REGION = "the entity is the region itself"
MINOR_PERSON = "person who can be a minor"
NO_IMAGE = "no image named"
NO_LINK = "no link to a region"
NO_PROPERTY = "no property to ask about"
NOT_CULTURE = "not culture: {}"
PAST_LINK = "link to a region has ended"
SEEN_BEFORE = "seen before"
STATED = "region"
"""Link to a region that own knowledge states, in place of a property."""
_UNLINKED = Rejection("*", NO_LINK)
"""Rejection of most of a dump: counted without ids."""


class Selector:
    """Decides which entities are selected, and for which regions. It can be pickled."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.region_of = {qid: slug for slug in scope.regions for qid in region(slug).items}
        self.historic = {qid: HISTORIC_STATE.format(label) for qid, label in ambiguous_states().items()}
        """States of several regions, each with the reason to reject an entity that has no other link."""
        # A value with a step of a path must be parsed completely. COUNTRY is left out because all places have it. A
        # birthplace needs it only inside the regions, and then it is a candidate because of its link.
        self._steps = frozenset(name.encode() for name in scope.step_properties - {COUNTRY})
        self._links = frozenset(name.encode() for name in (*scope.link_properties, BIRTHPLACE))
        self._finder = Finder(name.decode() for name in self._steps | self._links)
        regions = sorted({qid[1:] for qid in (*self.region_of, *self.historic)})
        self._region = re.compile(_any_of(b'"Q%s"', regions))
        # Documents from before 2017 have only numeric ids.
        self._old_region = re.compile(_any_of(rb'"numeric-id":\s*%s\b', regions))

    def is_candidate(self, text: bytes) -> bool | Skippable:
        """Return whether a document may have a link to a region or a step of a path, judged by its bytes."""
        claims = self._finder.find(text)
        if claims is None:
            return True  # another form: the parser decides
        names = {match[1] for match in claims}
        if self._steps.isdisjoint(names):
            if self._links.isdisjoint(names):
                return Skippable(claims)  # most of a dump, after one search
            # A birthplace can be anywhere.
            if BIRTHPLACE.encode() not in names and not self._region.search(text) and not self._old_region.search(text):
                return Skippable(claims)
        return True

    def add(self, line: DocumentLine, rows: EntityRowsBuilder) -> None:
        """Add a document to the rows, or its rejection."""
        rows.inputs += 1
        try:
            entity = self.read(line)
        except MalformedDocumentError as error:
            rows.reject(line.asked or f"line {line.number}", str(error), line.detail)
            return
        links = self.links(entity)
        person = life(entity, self.scope.as_of)
        reason = self._rejection_reason(entity, links, person)
        if not reason and entity.id in rows:
            reason = SEEN_BEFORE
        if reason == NO_LINK and not line.asked:
            rows.count(_UNLINKED)
        elif reason:
            rows.reject(line.asked or entity.id, reason)
        else:
            rows.add(entity, selected=True, links=links, life=person)
        if reason and reason != SEEN_BEFORE:
            rows.add_unselected(line.number, entity, self.scope.value_properties)

    def add_skipped(self, skipped: SkippedEntity, rows: EntityRowsBuilder) -> None:
        """Keep the names of a document that cannot have a link to a region."""
        rows.inputs += 1
        try:
            labels = partial_json.labels(skipped.labels, self.scope.label_codes)
        except partial_json.BrokenJsonError as error:
            labels, problem, detail = None, BROKEN_LINE, str(error)
        else:
            problem, detail = NOT_AN_OBJECT.format("labels"), ""
        if not isinstance(labels, dict) and labels != []:
            rows.reject(f"line {skipped.number}", problem, detail)
            return
        rows.count(_UNLINKED)
        rows.add_skipped(skipped, read_labels(labels, [], self.scope.label_codes) if labels else {})

    def read(self, line: DocumentLine) -> Entity:
        """Return the entity of a document, with the labels and claims of the scope.

        Raises:
            MalformedDocumentError: the document is not an item.
        """
        if line.problem:
            raise MalformedDocumentError(line.problem)
        if isinstance(line.document, Entity):
            return line.document
        scope = self.scope
        return read_entity(line.document, scope.read_properties, scope.label_codes, as_of=scope.as_of)

    def links(self, entity: Entity) -> list[tuple[str, str]]:
        """Return the regions of an entity, each with the property of its first link."""
        links: dict[str, str] = {}
        for name in self.scope.link_properties:
            for value in self._link_values(entity, name):
                if value in self.region_of and value != entity.id:
                    links.setdefault(self.region_of[value], name)
        stated = (slug for slug in entity.regions if slug in self.scope.regions)
        return list((dict.fromkeys(stated, STATED) | links).items())

    @staticmethod
    def _link_values(entity: Entity, name: str) -> list[str]:
        """Return the values that may link an entity. A country of the past does not, a citizenship of the past does."""
        return entity.current(name) if properties()[name].state else entity.best(name)

    def _rejection_reason(self, entity: Entity, links: list[tuple[str, str]], person: str) -> str:
        """Return the reason to reject an entity, or an empty text."""
        if entity.id in self.region_of and any(entity.best(name) for name in self.scope.link_properties):
            return IS_REGION
        if not links and not self._waits_for_birthplace(entity):
            return self._reason_without_link(entity)
        verdict = classify(entity.current(CLASS) or entity.best(CLASS), entity.best(SUPERCLASS))
        # The documents of its superclasses decide on a class that the tables do not know (see kinds.py).
        if verdict.refusal and verdict != (ANY, A_CLASS):
            return NOT_CULTURE.format(verdict.refusal)
        if person == MINOR:
            return MINOR_PERSON
        if not any(claim.best and claim.property in self.scope.answer_properties for claim in entity.claims) and not (
            is_own(entity.id) and NAME in self.scope.properties
        ):
            return NO_PROPERTY
        if not any(entity.best(name) for name in IMAGE_PROPERTIES):
            return NO_IMAGE
        return ""

    def _reason_without_link(self, entity: Entity) -> str:
        names = self.scope.link_properties
        if any(value in self.region_of for name in names for value in entity.best(name)):
            return PAST_LINK
        values = (value for name in names for value in self._link_values(entity, name))
        return next((self.historic[value] for value in values if value in self.historic), NO_LINK)

    def _waits_for_birthplace(self, entity: Entity) -> bool:
        """Return whether the birthplace decides: a person without citizenship, or only of historic states."""
        stateless = set(entity.best(CITIZENSHIP)) <= self.historic.keys()
        return stateless and HUMAN in entity.best("P31") and bool(entity.best(BIRTHPLACE))


def _any_of(frame: bytes, numbers: list[str]) -> bytes:
    """Return the pattern `frame` with a group that matches any of the numbers in its place."""
    return frame % (b"(?:" + b"|".join(number.encode() for number in numbers) + b")")
