"""Which entities are asked about: those that a claim ties to a region, with an image, and something to ask for.

A document goes through a `Selector`, which gives rows for the store, or a rejection with its reason. It does not know
which source the document came through.
"""

import re

from factory.entities.base import DocumentLine, SkippedEntity
from factory.entities.entity_rows import EntityRowsBuilder
from factory.reference.properties import BIRTHPLACE, CITIZENSHIP, COUNTRY, IMAGE_PROPERTIES
from factory.scope import Scope
from factory.wikidata import entity, partial_json
from pangea_cultural.reference.regions import ambiguous_states, region

HUMAN = "Q5"
NOT_CULTURE = {
    "Q13442814": "scholarly article",
    "Q4167836": "Wikimedia category",
    "Q4167410": "disambiguation page",
    "Q11266439": "Wikimedia template",
    "Q13406463": "list article",
    "Q101352": "family name",
}
NO_LINK = "no link to a region"
HISTORIC = "country is a historic state of several regions: {}"
SEEN = "seen before"


class Selector:
    """Decides which entities are selected, and by which regions. It can be sent to other processes."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.region_of = {qid: slug for slug in scope.regions for qid in region(slug).items}
        self.historic = {qid: HISTORIC.format(label) for qid, label in ambiguous_states().items()}
        """States that are no single region, with the reason against an entity that has no other link."""
        # A value with a step of a path has to be parsed whole. (All places have P17; a birthplace needs it only where
        # it is in one of the regions, and then it is parsed for that.) The quote before a P is left out: by its first
        # character a pattern is looked for, and quotes are everywhere.
        paths = sorted(step[1:] for step in scope.step_properties - {COUNTRY})
        self._step = re.compile(_any_of(b'P%s"', paths)) if paths else None
        links = [name[1:] for name in (*scope.link_properties, BIRTHPLACE)]
        self._link_or_step = re.compile(_any_of(b'P%s"', [*links, *paths]))
        regions = sorted({qid[1:] for qid in (*self.region_of, *self.historic)})
        self._region = re.compile(_any_of(b'"Q%s"', regions))
        # Documents from before 2017 have numeric ids only.
        self._old_region = re.compile(_any_of(rb'"numeric-id":\s*%s\b', regions))

    def is_candidate(self, text: bytes) -> bool:
        """Whether a document, as it stands in a dump, can be linked to a region, or lead on from a value: false only if
        it certainly does not.
        """
        found = self._link_or_step.search(text)
        if not found:
            return False  # most of a dump, after one look
        if self._step and self._step.search(text, found.start()):
            return True
        # A person's birthplace can be anywhere.
        return bool(self._region.search(text) or b'"P19"' in text or self._old_region.search(text))

    def add(self, line: DocumentLine, rows: EntityRowsBuilder) -> None:
        """Add a document to the rows, or say why not."""
        rows.inputs += 1
        try:
            found = self.read(line)
        except entity.MalformedDocumentError as error:
            rows.reject(line.asked or f"line {line.number}", str(error))
            return
        link = self.link(found)
        reason = self._rejection_reason(found, link)
        if not reason and found.id in rows:
            reason = SEEN
        if reason == NO_LINK and not line.asked:
            rows.reject("*", reason)  # most of a dump: counted, not listed
        elif reason:
            rows.reject(line.asked or found.id, reason)
        else:
            rows.add(found, selected=True, link=link)
        if reason and reason != SEEN:
            rows.add_unselected(line.number, found, self.scope.step_properties)

    def add_skipped(self, names: SkippedEntity, rows: EntityRowsBuilder) -> None:
        """Keep the names of a document that cannot be linked to a region."""
        rows.inputs += 1
        try:
            labels = partial_json.some(names.labels, self.scope.label_codes)
        except partial_json.BrokenJsonError as error:
            labels, problem = None, f"broken line: {error}"
        else:
            problem = "labels is not an object"
        if not isinstance(labels, dict) and labels != []:
            rows.reject(f"line {names.number}", problem)
            return
        rows.reject("*", NO_LINK)
        kept = entity.read_labels(labels, [], self.scope.label_codes) if labels else {}
        skipped = entity.Entity(names.id, entity.revision(names.revision), kept, [])
        rows.add_unselected(names.number, skipped, frozenset())

    def read(self, line: DocumentLine) -> entity.Entity:
        """The entity of a document, with the labels and claims that the recipe can use.

        Raises:
            MalformedDocumentError: it is no item document.
        """
        if line.problem:
            raise entity.MalformedDocumentError(line.problem)
        return entity.read(line.document, self.scope.read_properties, self.scope.label_codes)

    def link(self, found: entity.Entity) -> list[tuple[str, str]]:
        """Regions of an entity, each with the property that links it; the first link of a region counts."""
        link: dict[str, str] = {}
        for name in self.scope.link_properties:
            for value in found.best(name):
                if value in self.region_of:
                    link.setdefault(self.region_of[value], name)
        return list(link.items())

    def _rejection_reason(self, found: entity.Entity, link: list[tuple[str, str]]) -> str:
        if not link and not self._waits_for_birthplace(found):
            return self._why_unlinked(found)
        for value in found.best("P31"):
            if value in NOT_CULTURE:
                return f"not culture: {NOT_CULTURE[value]}"
        if not any(claim.best and claim.property in self.scope.answer_properties for claim in found.claims):
            return "no property to ask about"
        if self.scope.images_required and not any(found.best(name) for name in IMAGE_PROPERTIES):
            return "no image named"
        return ""

    def _why_unlinked(self, found: entity.Entity) -> str:
        values = (value for name in self.scope.link_properties for value in found.best(name))
        return next((self.historic[value] for value in values if value in self.historic), NO_LINK)

    def _waits_for_birthplace(self, found: entity.Entity) -> bool:
        """Whether the place of birth decides: of people of no state, or only of such as are several countries today."""
        stateless = set(found.best(CITIZENSHIP)) <= self.historic.keys()
        return stateless and HUMAN in found.best("P31") and bool(found.best(BIRTHPLACE))


def _any_of(frame: bytes, numbers: list[str]) -> bytes:
    """A regular expression for any of some numbers in a frame."""
    return frame % (b"(?:" + b"|".join(number.encode() for number in numbers) + b")")
