"""The values of claims: the items that selected entities point to (the country, the architect), with their names.

They are looked up in the doors that the entities came through; along a path such as P17/P36 also for the claim of the
next step, whose values are then looked up in turn.
"""

from collections.abc import Iterator, Sequence

from factory.properties import properties
from factory.rows import Rows
from factory.select import BIRTHPLACE, COUNTRY, Selector
from factory.store import Store
from factory.wikidata import dump
from factory.wikidata.door import LookupDoor, StreamDoor
from factory.wikidata.dump import Line
from factory.wikidata.entity import Entity, MalformedDocumentError
from pangea_cultural.console import Reporter

STAGE = "select"
BATCH_IDS = 500
"""Documents that are asked for between two writes."""


def look_up(store: Store, selector: Selector, doors: Sequence[StreamDoor | LookupDoor], reporter: Reporter) -> None:
    """Fetch the documents of the values, and of the values of path steps, until nothing new is pointed to."""
    asked_for: set[str] = set()
    while True:
        missing = _without_document(store, selector) - asked_for
        if not missing:
            return
        asked_for |= missing
        for door in doors:
            parts = _looked_up(door, missing) if isinstance(door, LookupDoor) else _streamed(door, missing)
            with reporter.bar(f"values: {door.name}", len(missing), "documents") as bar:
                for part in parts:
                    missing -= _write(store, selector, part, missing, door.name)
                    bar.advance(len(part))


def _without_document(store: Store, selector: Selector) -> set[str]:
    rows = store.rows(
        """SELECT DISTINCT value FROM claim
           WHERE best AND value_type = 'item' AND property IN (SELECT unnest(?))
                 AND value NOT IN (SELECT entity FROM entity)""",
        [sorted({*selector.asked, *selector.links, BIRTHPLACE})],
    )
    return {row[0] for row in rows}


def _write(store: Store, selector: Selector, lines: list[Line], wanted: set[str], door: str) -> set[str]:
    """Write the documents among some lines that are wanted; gives their ids."""
    steps = {step for row in properties().values() for step in row.path[1:]} | {COUNTRY}
    rows, written = Rows(door), set()
    for line in lines:
        try:
            found = selector.read(line)
        except MalformedDocumentError:
            continue  # counted when the door was read for entities; a value without a name is counted as such
        # A value that redirects keeps the id by which claims know it.
        name = line.asked or found.id
        if name in wanted and name not in written:
            claims = [claim for claim in found.claims if claim.property in steps]
            rows.add(Entity(name, found.revision, found.labels, claims), selected=False, link=[])
            written.add(name)
    with store.transaction():
        rows.finish().write(store, STAGE)
    return written


def _streamed(door: StreamDoor, wanted: set[str]) -> Iterator[list[Line]]:
    for batch in door.batches(dump.OneOf(frozenset(wanted))):
        yield [dump.parse(number, text) for number, text in batch.lines]


def _looked_up(door: LookupDoor, wanted: set[str]) -> Iterator[list[Line]]:
    ids = sorted(wanted, key=lambda name: (len(name), name))
    for begin in range(0, len(ids), BATCH_IDS):
        answers = door.documents(ids[begin : begin + BATCH_IDS])
        yield [Line(number, document, asked=asked) for number, (asked, document) in enumerate(answers)]
