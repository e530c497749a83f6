"""The stage `select`: entity documents in, selected entities with their claims and labels out.

An entity is selected when a claim links it to one of the recipe's regions and another claim answers one of the
recipe's properties. Its values (the country, the architect) are then looked up in the same doors, for their labels;
along a path such as P17/P36 also for the claim of the next step.
"""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from factory import kinds
from factory.properties import properties
from factory.recipe import DumpDoor, Recipe
from factory.store import Store
from factory.wikidata import cldr, dump, entity
from pangea_cultural.console import Reporter
from pangea_cultural.languages import labels_for, languages
from pangea_cultural.regions import ambiguous_states, region

BATCH_DOCUMENTS = 2000
IMAGE_PROPERTIES = ("P18", "P8592", "P5775", "P3451", "P4291", "P8517", "P9721", "P1801")
"""Properties whose files are photos of the entity; flags, logos, maps, banners and signatures are none."""
CATEGORY_PROPERTY = "P373"
SUPPORT_PROPERTIES = ("P31", *IMAGE_PROPERTIES, CATEGORY_PROPERTY)

NOT_CULTURE = {
    "Q13442814": "scholarly article",
    "Q4167836": "Wikimedia category",
    "Q4167410": "disambiguation page",
    "Q11266439": "Wikimedia template",
    "Q13406463": "list article",
    "Q101352": "family name",
}


class Rows:
    """Rows for the store's tables, collected over a batch of documents."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict]] = {"entity": [], "entity_region": [], "claim": [], "label": []}
        self.rejections: Counter[tuple[str, str]] = Counter()
        self.unrelated: Counter[str] = Counter()
        """Documents that have nothing to do with the recipe: millions in a dump, so they are counted, not listed."""
        self.inputs = 0

    def add(self, found: entity.Entity, door: str, *, selected: bool, link: list[tuple[str, str]]) -> None:
        """Add an entity with its labels and claims."""
        row = {"entity": found.id, "selected": selected, "kind": kinds.kind_of(found.best("P31"))}
        self.tables["entity"].append(row | {"revision": found.revision, "door": door})
        for ordinal, (slug, name) in enumerate(link):
            self.tables["entity_region"].append(
                {"entity": found.id, "region": slug, "property": name, "ordinal": ordinal}
            )
        for claim in found.claims:
            self.tables["claim"].append({"entity": found.id} | {key: getattr(claim, key) for key in claim.__slots__})
        for code, text in found.labels.items():
            self.tables["label"].append({"entity": found.id, "language": code, "text": text, "source": door})
        for name, reason in found.dropped:
            self.rejections[f"{found.id} {name}", f"claim: {reason}"] += 1

    def write(self, store: Store, stage: str) -> None:
        """Append everything to the store."""
        for name, rows in self.tables.items():
            if rows:
                store.append(name, pa.Table.from_pylist(rows))
        rejections = [
            {"stage": stage, "item": item, "reason": reason, "items": n}
            for (item, reason), n in self.rejections.items()
        ]
        for reason, n in self.unrelated.items():
            rejections.append({"stage": stage, "item": "*", "reason": reason, "items": n})
        if rejections:
            store.append("rejection", pa.Table.from_pylist(rejections))


class Selector:
    """Decides which entities are selected, and by which regions."""

    def __init__(self, recipe: Recipe, known: set[str]) -> None:
        asked = [properties()[name] for name in recipe.asked_properties() if name != "label"]
        self.asked = frozenset(step for row in asked for step in (row.path or (row.id,)))
        self.links = tuple(name for name, row in properties().items() if row.region_link)
        self.wanted = frozenset((*self.asked, *self.links, *SUPPORT_PROPERTIES))
        self.labels = _label_codes(recipe)
        self.region_of = {qid: slug for slug in recipe.asked_regions() for qid in region(slug).items}
        self.known = known

    def take(self, line: dump.Line, rows: Rows, door: str) -> None:
        """Add a document to the rows, or say why not."""
        rows.inputs += 1
        try:
            found = self._read(line)
        except entity.MalformedDocumentError as error:
            rows.rejections[f"line {line.number}", str(error)] += 1
            return
        link = self._link(found)
        reason = self._reason_against(found, link)
        if not link:
            rows.unrelated[reason] += 1
        elif reason:
            rows.rejections[found.id, reason] += 1
        else:
            self.known.add(found.id)
            rows.add(found, door, selected=True, link=link)

    def _read(self, line: dump.Line) -> entity.Entity:
        if line.problem:
            raise entity.MalformedDocumentError(line.problem)
        found = entity.read(line.document, self.wanted)
        labels = {code: text for code, text in found.labels.items() if code in self.labels}
        return entity.Entity(found.id, found.revision, labels, found.claims, found.dropped)

    def _link(self, found: entity.Entity) -> list[tuple[str, str]]:
        """Regions of an entity, each with the property that links it; the first link of a region counts."""
        link: dict[str, str] = {}
        for name in self.links:
            for value in found.best(name):
                if value in self.region_of:
                    link.setdefault(self.region_of[value], name)
        return list(link.items())

    def _reason_against(self, found: entity.Entity, link: list[tuple[str, str]]) -> str:
        if not link:
            return self._why_unlinked(found)
        if found.id in self.known:
            return "seen before"
        for value in found.best("P31"):
            if value in NOT_CULTURE:
                return f"not culture: {NOT_CULTURE[value]}"
        if not any(claim.best and claim.property in self.asked for claim in found.claims):
            return "no property to ask about"
        return ""

    def _why_unlinked(self, found: entity.Entity) -> str:
        values = (value for name in self.links for value in found.best(name))
        state = next((ambiguous_states()[value] for value in values if value in ambiguous_states()), None)
        return f"country is a historic state of several regions: {state}" if state else "no link to a region"


def _label_codes(recipe: Recipe) -> frozenset[str]:
    """Wikidata label codes that the recipe's languages use, besides `en` (for people who read the store) and `mul`."""
    places = (None, *recipe.asked_regions())
    own = (code for name in recipe.asked_languages() for place in places for code in labels_for(name, place))
    return frozenset(own) | {"en", "mul"}


def run(store: Store, recipe: Recipe, reporter: Reporter) -> tuple[int, int]:
    """Select entities from all doors, then look up their values. Returns how many documents went in and were kept."""
    known = {row[0] for row in store.rows("SELECT entity FROM entity WHERE selected")}
    selector = Selector(recipe, known)
    for door in recipe.doors:
        _read_door(store, selector, door, reporter)
    _look_up_values(store, recipe, selector, reporter)
    _add_region_names(store)
    inputs = store.value("SELECT coalesce(sum(inputs), 0)::BIGINT FROM stage WHERE name LIKE 'select %'")
    return inputs, len(known)


def _read_door(store: Store, selector: Selector, door: DumpDoor, reporter: Reporter) -> None:
    """Read a door to its end, a batch a transaction, from where a killed run has stopped."""
    name = f"select {door.path}"
    store.execute("INSERT OR IGNORE INTO stage (name, fingerprint, inputs) VALUES (?, '', 0)", [name])
    start = store.value("SELECT position FROM stage WHERE name = ?", [name])
    with reporter.bar(f"select: {door.path.name}", None, "documents") as bar:
        for batch in _batches(dump.lines(door.path, start=start)):
            rows = Rows()
            for line in batch:
                selector.take(line, rows, str(door.path.name))
            with store.transaction():
                rows.write(store, "select")
                store.execute(
                    "UPDATE stage SET position = ?, inputs = inputs + ? WHERE name = ?",
                    [batch[-1].number, rows.inputs, name],
                )
            bar.advance(len(batch))


def _batches(lines: Iterator[dump.Line]) -> Iterator[list[dump.Line]]:
    batch: list[dump.Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH_DOCUMENTS:
            yield batch
            batch = []
    if batch:
        yield batch


def _look_up_values(store: Store, recipe: Recipe, selector: Selector, reporter: Reporter) -> None:
    """Fetch the documents of the values, and of the values of path steps, until nothing new is pointed to."""
    asked_for: set[str] = set()
    while True:
        wanted = frozenset(_values_without_document(store, selector)) - asked_for
        if not wanted:
            return
        asked_for |= wanted
        for door in recipe.doors:
            with reporter.bar(f"values: {door.path.name}", len(wanted), "documents") as bar:
                for batch in _batches(dump.lines(door.path, only=wanted)):
                    _write_values(store, selector, batch, wanted, door.path.name)
                    bar.advance(len(batch))


def _values_without_document(store: Store, selector: Selector) -> list[str]:
    return [
        row[0]
        for row in store.rows(
            """SELECT DISTINCT value FROM claim
               WHERE best AND value_type = 'item' AND property IN (SELECT unnest(?))
                     AND value NOT IN (SELECT entity FROM entity)""",
            [sorted(selector.asked)],
        )
    ]


def _write_values(store: Store, selector: Selector, batch: list[dump.Line], wanted: frozenset[str], door: str) -> None:
    steps = frozenset(step for row in properties().values() if row.path for step in row.path[1:])
    rows = Rows()
    for line in batch:
        try:
            found = selector._read(line)
        except entity.MalformedDocumentError:
            continue  # counted when the door was read for entities
        if found.id in wanted:
            claims = [claim for claim in found.claims if claim.property in steps]
            rows.add(entity.Entity(found.id, found.revision, found.labels, claims), door, selected=False, link=[])
    with store.transaction():
        rows.write(store, "select")


def _add_region_names(store: Store) -> None:
    """Give regions their CLDR names in the languages in which no door had a label."""
    known = {(row[0], row[1]) for row in store.rows("SELECT entity, language FROM label")}
    rows = [
        {"entity": qid, "language": row.labels[0], "text": text, "source": "cldr"}
        for row in languages().values()
        for qid, _, text in cldr.region_names([row])
        if not any((qid, code) in known for code in row.labels)
    ]
    if rows:
        with store.transaction():
            store.append("label", pa.Table.from_pylist(rows))
