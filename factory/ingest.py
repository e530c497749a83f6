"""The stage `select`: documents of all doors through the selector into the store, then their values' documents.

A selected entity's claims point to items (the country, the architect): they are looked up in the same doors, for their
names, and along a path such as P17/P36 for the claim of the next step. A killed build goes on at the batch it was in.
"""

from collections.abc import Iterator

import pyarrow as pa

from factory import birthplaces
from factory.doors import open_doors
from factory.properties import properties
from factory.recipe import Recipe
from factory.rows import Finished, Rows
from factory.select import COUNTRY, SEEN, Selector
from factory.store import Store
from factory.wikidata import cldr, dump
from factory.wikidata.door import LookupDoor, Slice, StreamDoor, TooMuchError
from factory.wikidata.dump import Batch, Line
from factory.wikidata.entity import Entity, MalformedDocumentError
from factory.workers import Workers
from pangea_cultural.console import Reporter
from pangea_cultural.languages import languages

STAGE = "select"
BATCH_IDS = 500
"""Documents that are asked for between two writes."""


def run(store: Store, recipe: Recipe, reporter: Reporter) -> tuple[int, int]:
    """Select entities from all doors, then look up their values. Returns how many documents went in and were kept."""
    selector = Selector(recipe)
    with open_doors(recipe, selector) as doors, Workers(selector) as workers:
        job = _Job(store, selector, workers, reporter)
        for door in doors:
            if isinstance(door, LookupDoor):
                job.look_up(door)
            else:
                job.stream(door)
        job.values(doors)
    birthplaces.link(store, selector.region_of)
    _add_region_names(store)
    inputs = store.value("SELECT coalesce(sum(inputs), 0)::BIGINT FROM stage WHERE starts_with(name, 'select ')")
    return inputs, store.value("SELECT count(*) FROM entity WHERE selected")


class _Job:
    """The reading of the doors: what every step needs."""

    def __init__(self, store: Store, selector: Selector, workers: Workers, reporter: Reporter) -> None:
        self.store, self.selector, self.workers, self.reporter = store, selector, workers, reporter
        # As numbers: 60 bytes an entity.
        self.known = {int(row[0][1:]) for row in store.rows("SELECT entity FROM entity WHERE selected")}

    def stream(self, door: StreamDoor) -> None:
        """Read a door to its end, a batch a transaction, from where a killed run has stopped."""
        start = self._start(door.name)
        with self.reporter.bar(f"select: {door.name}", None, "documents") as bar:
            batches = door.batches(self.selector.may_matter, start=start)
            for batch, rows in self.workers.select(door.name, batches):
                rows.rejections["*", "no link to a region"] += batch.passed
                rows.inputs += batch.passed
                self._write(rows, f"{STAGE} {door.name}", batch.last)
                bar.advance(rows.inputs)

    def look_up(self, door: LookupDoor) -> None:
        """Find a door's ids slice by slice, then read their documents."""
        self._start(door.name)
        self._find(door)
        ids = [row[0] for row in self.store.rows(FOUND, [door.name])]
        start = self._start(door.name)
        with self.reporter.bar(f"select: {door.name}", len(ids), "documents") as bar:
            bar.advance(start)
            for begin in range(start, len(ids), BATCH_IDS):
                part = ids[begin : begin + BATCH_IDS]
                rows = Rows(door.name)
                for number, (asked, document) in enumerate(door.documents(part), begin + 1):
                    self.selector.take(Line(number, document, asked=asked), rows)
                self._write(rows.finish(), f"{STAGE} {door.name}", begin + len(part))
                bar.advance(len(part))

    def _start(self, door: str) -> int:
        """The position of a door, which gets a row of its own in the table of stages."""
        name = f"{STAGE} {door}"
        self.store.execute("INSERT OR IGNORE INTO stage (name, fingerprint, inputs) VALUES (?, '', 0)", [name])
        return self.store.value("SELECT position FROM stage WHERE name = ?", [name])

    def _write(self, rows: Finished, stage: str, position: int) -> None:
        found = rows.entities()
        rows.drop({name for name in found if int(name[1:]) in self.known}, SEEN)
        with self.store.transaction():
            _append(self.store, rows)
            self.store.execute(
                "UPDATE stage SET position = ?, inputs = inputs + ? WHERE name = ?", [position, rows.inputs, stage]
            )
        self.known.update(int(name[1:]) for name in found)

    def _find(self, door: LookupDoor) -> None:
        """Ask for the ids of all slices that have no answer yet; one that is too much is split."""
        state = dict(self.store.rows("SELECT slice, state FROM slice WHERE door = ?", [door.name]))
        waiting: list[Slice] = list(door.slices())
        with self.reporter.bar(f"find: {door.name}", len(waiting), "slices") as bar:
            while waiting:
                slice = waiting.pop(0)
                if slice.key not in state:
                    state[slice.key] = self._ask(door, slice)
                if state[slice.key] == "split":
                    parts = slice.split()
                    waiting[:0] = parts
                    bar.grow(len(parts))
                bar.advance()

    def _ask(self, door: LookupDoor, slice: Slice) -> str:
        """Ask for a slice's ids and keep them; gives the slice's state."""
        try:
            ids = door.find(slice)
            state = "done"
        except TooMuchError as error:
            ids = []
            state = "split" if slice.split() else "failed"
            reason = str(error)
        with self.store.transaction():
            if ids:
                self.store.append("found", pa.table({"door": [door.name] * len(ids), "entity": ids}))
            if state == "failed":
                self.store.execute(
                    "INSERT INTO rejection (stage, item, reason, detail) VALUES (?, ?, ?, ?)",
                    [STAGE, slice.key, "slice too large however finely split", reason],
                )
            self.store.execute("INSERT INTO slice VALUES (?, ?, ?)", [door.name, slice.key, state])
        return state

    def values(self, doors: list[StreamDoor | LookupDoor]) -> None:
        """Fetch the documents of the values, and of the values of path steps, until nothing new is pointed to."""
        asked_for: set[str] = set()
        while True:
            wanted = frozenset(self._values_without_document()) - asked_for
            if not wanted:
                return
            asked_for |= wanted
            missing = set(wanted)
            for door in doors:
                lines = _looked_up(door, missing) if isinstance(door, LookupDoor) else _streamed(door, missing)
                with self.reporter.bar(f"values: {door.name}", len(missing), "documents") as bar:
                    for part in lines:
                        missing -= self._write_values(part, frozenset(missing), door.name)
                        bar.advance(len(part))

    def _values_without_document(self) -> list[str]:
        sql = """SELECT DISTINCT value FROM claim
                 WHERE best AND value_type = 'item' AND property IN (SELECT unnest(?))
                       AND value NOT IN (SELECT entity FROM entity)"""
        return [row[0] for row in self.store.rows(sql, [sorted({*self.selector.asked, *self.selector.links, "P19"})])]

    def _write_values(self, lines: list[Line], wanted: frozenset[str], door: str) -> set[str]:
        """Write the documents among some lines that are wanted; gives their ids."""
        steps = {step for row in properties().values() for step in row.path[1:]} | {COUNTRY}
        rows, written = Rows(door), set()
        for line in lines:
            try:
                found = self.selector.read(line)
            except MalformedDocumentError:
                continue  # counted when the door was read for entities
            # A value that redirects keeps the id by which claims know it.
            name = line.asked or found.id
            if name in wanted and name not in written:
                claims = [claim for claim in found.claims if claim.property in steps]
                rows.add(Entity(name, found.revision, found.labels, claims), selected=False, link=[])
                written.add(name)
        with self.store.transaction():
            _append(self.store, rows.finish())
        return written


FOUND = "SELECT DISTINCT entity FROM found WHERE door = ? ORDER BY len(entity), entity"


def _streamed(door: StreamDoor, wanted: set[str]) -> Iterator[list[Line]]:
    batches: Iterator[Batch] = door.batches(dump.OneOf(frozenset(wanted)))
    for batch in batches:
        yield [dump.parse(number, text) for number, text in batch.lines]


def _looked_up(door: LookupDoor, wanted: set[str]) -> Iterator[list[Line]]:
    ids = sorted(wanted, key=lambda name: (len(name), name))
    for begin in range(0, len(ids), BATCH_IDS):
        answers = door.documents(ids[begin : begin + BATCH_IDS])
        yield [Line(number, document, asked=asked) for number, (asked, document) in enumerate(answers)]


def _append(store: Store, rows: Finished) -> None:
    for name, table in rows.tables.items():
        if table.num_rows:
            store.append(name, table)
    if rows.rejections:
        store.append("rejection", rows.rejection_table(STAGE))


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
