"""Selection of entities: those with a link to a region, an image and a property to ask about.

A `Selector` turns a document into rows for the store or into a rejection. It does not depend on the document's source.
"""

import re

from factory.entities.base import BROKEN_LINE, DocumentLine, SkippedEntity
from factory.entities.entity_rows import EntityRowsBuilder
from factory.reference.properties import BIRTHPLACE, CITIZENSHIP, COUNTRY, IMAGE_PROPERTIES
from factory.scope import Scope
from factory.wikidata import partial_json
from factory.wikidata.entity import NOT_AN_OBJECT, Entity, MalformedDocumentError, read_entity, read_labels, revision
from pangea_cultural.reference.regions import ambiguous_states, region

HUMAN = "Q5"
NOT_CULTURE_CLASSES = {
    "Q13442814": "scholarly article",
    "Q4167836": "Wikimedia category",
    "Q4167410": "disambiguation page",
    "Q11266439": "Wikimedia template",
    "Q13406463": "list article",
    "Q101352": "family name",
}
# Reasons of rejections.
HISTORIC_STATE = "country is a historic state of several regions: {}"
NO_IMAGE = "no image named"
NO_LINK = "no link to a region"
NO_PROPERTY = "no property to ask about"
NOT_CULTURE = "not culture: {}"
SEEN_BEFORE = "seen before"


class Selector:
    """Decides which entities are selected, and for which regions. It can be pickled."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.region_of = {qid: slug for slug in scope.regions for qid in region(slug).items}
        self.historic = {qid: HISTORIC_STATE.format(label) for qid, label in ambiguous_states().items()}
        """States of several regions, each with the reason to reject an entity that has no other link."""
        # A value with a step of a path must be parsed completely. COUNTRY is left out because all places have it. A
        # birthplace needs it only inside the regions, and then it is a candidate because of its link. The patterns
        # start with P instead of a quote: the search looks for their first character, and quotes are everywhere.
        paths = sorted(step[1:] for step in scope.step_properties - {COUNTRY})
        self._step = re.compile(_any_of(b'P%s"', paths)) if paths else None
        links = [name[1:] for name in (*scope.link_properties, BIRTHPLACE)]
        self._link_or_step = re.compile(_any_of(b'P%s"', [*links, *paths]))
        regions = sorted({qid[1:] for qid in (*self.region_of, *self.historic)})
        self._region = re.compile(_any_of(b'"Q%s"', regions))
        # Documents from before 2017 have only numeric ids.
        self._old_region = re.compile(_any_of(rb'"numeric-id":\s*%s\b', regions))

    def is_candidate(self, text: bytes) -> bool:
        """Return whether a document may have a link to a region or a step of a path, judged by its bytes."""
        match = self._link_or_step.search(text)
        if not match:
            return False  # most of a dump, after one search
        if self._step and self._step.search(text, match.start()):
            return True
        # A birthplace can be anywhere.
        return bool(self._region.search(text) or b'"P19"' in text or self._old_region.search(text))

    def add(self, line: DocumentLine, rows: EntityRowsBuilder) -> None:
        """Add a document to the rows, or its rejection."""
        rows.inputs += 1
        try:
            entity = self.read(line)
        except MalformedDocumentError as error:
            rows.reject(line.asked or f"line {line.number}", str(error))
            return
        links = self.links(entity)
        reason = self._rejection_reason(entity, links)
        if not reason and entity.id in rows:
            reason = SEEN_BEFORE
        if reason == NO_LINK and not line.asked:
            rows.reject("*", reason)  # most of a dump: counted without ids
        elif reason:
            rows.reject(line.asked or entity.id, reason)
        else:
            rows.add(entity, selected=True, links=links)
        if reason and reason != SEEN_BEFORE:
            rows.add_unselected(line.number, entity, self.scope.step_properties)

    def add_skipped(self, skipped: SkippedEntity, rows: EntityRowsBuilder) -> None:
        """Keep the names of a document that cannot have a link to a region."""
        rows.inputs += 1
        try:
            labels = partial_json.entries(skipped.labels, self.scope.label_codes)
        except partial_json.BrokenJsonError as error:
            labels, problem = None, BROKEN_LINE.format(error)
        else:
            problem = NOT_AN_OBJECT.format("labels")
        if not isinstance(labels, dict) and labels != []:
            rows.reject(f"line {skipped.number}", problem)
            return
        rows.reject("*", NO_LINK)
        texts = read_labels(labels, [], self.scope.label_codes) if labels else {}
        entity = Entity(skipped.id, revision(skipped.revision), texts, [])
        rows.add_unselected(skipped.number, entity, frozenset())

    def read(self, line: DocumentLine) -> Entity:
        """Return the entity of a document, with the labels and claims of the scope.

        Raises:
            MalformedDocumentError: the document is not an item.
        """
        if line.problem:
            raise MalformedDocumentError(line.problem)
        return read_entity(line.document, self.scope.read_properties, self.scope.label_codes)

    def links(self, entity: Entity) -> list[tuple[str, str]]:
        """Return the regions of an entity, each with the property of its first link."""
        links: dict[str, str] = {}
        for name in self.scope.link_properties:
            for value in entity.best(name):
                if value in self.region_of:
                    links.setdefault(self.region_of[value], name)
        return list(links.items())

    def _rejection_reason(self, entity: Entity, links: list[tuple[str, str]]) -> str:
        """Return the reason to reject an entity, or an empty text."""
        if not links and not self._waits_for_birthplace(entity):
            values = (value for name in self.scope.link_properties for value in entity.best(name))
            return next((self.historic[value] for value in values if value in self.historic), NO_LINK)
        for value in entity.best("P31"):
            if value in NOT_CULTURE_CLASSES:
                return NOT_CULTURE.format(NOT_CULTURE_CLASSES[value])
        if not any(claim.best and claim.property in self.scope.answer_properties for claim in entity.claims):
            return NO_PROPERTY
        if self.scope.images_required and not any(entity.best(name) for name in IMAGE_PROPERTIES):
            return NO_IMAGE
        return ""

    def _waits_for_birthplace(self, entity: Entity) -> bool:
        """Return whether the birthplace decides: a person without citizenship, or only of historic states."""
        stateless = set(entity.best(CITIZENSHIP)) <= self.historic.keys()
        return stateless and HUMAN in entity.best("P31") and bool(entity.best(BIRTHPLACE))


def _any_of(frame: bytes, numbers: list[str]) -> bytes:
    """Return the pattern `frame` with a group that matches any of the numbers in its place."""
    return frame % (b"(?:" + b"|".join(number.encode() for number in numbers) + b")")
