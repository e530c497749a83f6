"""Which entities are asked about: those that a claim ties to a region, with an image, and something to ask for.

A document goes through a `Selector`, which gives rows for the store, or a rejection with its reason. It does not know
which source the document came through.
"""

import re

from factory.entities.entity_rows import Rows
from factory.entities.sources.dump import Line, Names
from factory.recipe import Recipe
from factory.reference.properties import properties
from factory.wikidata import entity, partial_json
from pangea_cultural.reference.languages import labels_for
from pangea_cultural.reference.regions import ambiguous_states, region

PHOTO_PROPERTIES = ("P18", "P8592", "P5775", "P3451", "P4291", "P8517", "P9721", "P1801")
"""Properties whose files are photos of the entity; flags, logos, maps, banners and signatures are none."""
CATEGORY_PROPERTIES = ("P373", entity.COMMONS)
"""What leads to a Commons category: the property, which most have, before the link to Commons that replaces it."""
IMAGE_PROPERTIES = (*PHOTO_PROPERTIES, *CATEGORY_PROPERTIES)
SUPPORT_PROPERTIES = ("P31", *PHOTO_PROPERTIES, "P373")

HUMAN = "Q5"
BIRTHPLACE, COUNTRY, CITIZENSHIP = "P19", "P17", "P27"
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

    def __init__(self, recipe: Recipe) -> None:
        asked = [properties()[name] for name in recipe.asked_properties() if name != "label"]
        self.asked = frozenset(step for row in asked for step in (row.path or (row.id,)))
        self.links = tuple(name for name, row in properties().items() if row.region_link)
        self.wanted = frozenset((*self.asked, *self.links, *SUPPORT_PROPERTIES, BIRTHPLACE, CITIZENSHIP))
        self.labels = _label_codes(recipe)
        self.region_of = {qid: slug for slug in recipe.asked_regions() for qid in region(slug).items}
        self.historic = {qid: HISTORIC.format(label) for qid, label in ambiguous_states().items()}
        """States that are no single region, with the reason against an entity that has no other link."""
        self._images_required = recipe.images.required
        self.steps = frozenset(step for row in asked for step in row.path[1:]) | {COUNTRY}
        """Properties of values that lead on: to a capital, or from a birthplace to its country."""
        # A value with a step of a path has to be parsed whole. (All places have P17; a birthplace needs it only where
        # it is in one of the regions, and then it is parsed for that.) The quote before a P is left out: by its first
        # character a pattern is looked for, and quotes are everywhere.
        paths = sorted(step[1:] for step in self.steps - {COUNTRY})
        self._step = re.compile(_any_of(b'P%s"', paths)) if paths else None
        links = [name[1:] for name in (*self.links, BIRTHPLACE)]
        self._link_or_step = re.compile(_any_of(b'P%s"', [*links, *paths]))
        regions = sorted({qid[1:] for qid in (*self.region_of, *self.historic)})
        self._region = re.compile(_any_of(b'"Q%s"', regions))
        # Documents from before 2017 have numeric ids only.
        self._old_region = re.compile(_any_of(rb'"numeric-id":\s*%s\b', regions))

    def may_matter(self, text: bytes) -> bool:
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

    def take(self, line: Line, rows: Rows) -> None:
        """Add a document to the rows, or say why not."""
        rows.inputs += 1
        try:
            found = self.read(line)
        except entity.MalformedDocumentError as error:
            rows.reject(line.asked or f"line {line.number}", str(error))
            return
        link = self.link(found)
        reason = self._reason_against(found, link)
        if not reason and found.id in rows:
            reason = SEEN
        if reason == NO_LINK and not line.asked:
            rows.reject("*", reason)  # most of a dump: counted, not listed
        elif reason:
            rows.reject(line.asked or found.id, reason)
        else:
            rows.add(found, selected=True, link=link)
        if reason and reason != SEEN:
            rows.remember(line.number, found, self.steps)

    def pass_by(self, names: Names, rows: Rows) -> None:
        """Keep the names of a document that cannot be linked to a region."""
        rows.inputs += 1
        try:
            labels = partial_json.some(names.labels, self.labels)
        except partial_json.BrokenJsonError as error:
            labels, problem = None, f"broken line: {error}"
        else:
            problem = "labels is not an object"
        if not isinstance(labels, dict) and labels != []:
            rows.reject(f"line {names.number}", problem)
            return
        rows.reject("*", NO_LINK)
        kept = entity.read_labels(labels, [], self.labels) if labels else {}
        rows.remember(names.number, entity.Entity(names.id, entity.revision(names.revision), kept, []), frozenset())

    def read(self, line: Line) -> entity.Entity:
        """The entity of a document, with the labels and claims that the recipe can use.

        Raises:
            MalformedDocumentError: it is no item document.
        """
        if line.problem:
            raise entity.MalformedDocumentError(line.problem)
        return entity.read(line.document, self.wanted, self.labels)

    def link(self, found: entity.Entity) -> list[tuple[str, str]]:
        """Regions of an entity, each with the property that links it; the first link of a region counts."""
        link: dict[str, str] = {}
        for name in self.links:
            for value in found.best(name):
                if value in self.region_of:
                    link.setdefault(self.region_of[value], name)
        return list(link.items())

    def _reason_against(self, found: entity.Entity, link: list[tuple[str, str]]) -> str:
        if not link and not self._waits_for_birthplace(found):
            return self._why_unlinked(found)
        for value in found.best("P31"):
            if value in NOT_CULTURE:
                return f"not culture: {NOT_CULTURE[value]}"
        if not any(claim.best and claim.property in self.asked for claim in found.claims):
            return "no property to ask about"
        if self._images_required and not any(found.best(name) for name in IMAGE_PROPERTIES):
            return "no image named"
        return ""

    def _why_unlinked(self, found: entity.Entity) -> str:
        values = (value for name in self.links for value in found.best(name))
        return next((self.historic[value] for value in values if value in self.historic), NO_LINK)

    def _waits_for_birthplace(self, found: entity.Entity) -> bool:
        """Whether the place of birth decides: of people of no state, or only of such as are several countries today."""
        stateless = set(found.best(CITIZENSHIP)) <= self.historic.keys()
        return stateless and HUMAN in found.best("P31") and bool(found.best(BIRTHPLACE))


def _label_codes(recipe: Recipe) -> frozenset[str]:
    """Wikidata label codes that the recipe's languages use, besides `en` (for people who read the store) and `mul`."""
    places = (None, *recipe.asked_regions())
    own = (code for name in recipe.asked_languages() for place in places for code in labels_for(name, place))
    return frozenset(own) | {"en", "mul"}


def _any_of(frame: bytes, numbers: list[str]) -> bytes:
    """A regular expression for any of some numbers in a frame."""
    return frame % (b"(?:" + b"|".join(number.encode() for number in numbers) + b")")
