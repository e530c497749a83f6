"""The values of claims: the items that selected entities point to (the country, the architect), with their names.

A streamed source keeps the documents it passed. A source that is asked for ids is asked for the rest. Along a path such
as P17/P36 a value's own claim leads on to the next values.
"""

from collections.abc import Iterator, Sequence

from factory.entities.base import DocumentLine, LookupSource, StreamSource
from factory.entities.entity_rows import EntityRowsBuilder
from factory.entities.selector import Selector
from factory.reference.properties import BIRTHPLACE
from factory.store.store import Store
from factory.wikidata.entity import Entity, MalformedDocumentError
from factory.wikidata.values import by_number
from pangea_cultural.utils.console import Reporter

STAGE = "select"
BATCH_IDS = 500
"""Documents that are asked for between two writes."""

WANTED = """
CREATE OR REPLACE TEMP TABLE wanted AS
SELECT DISTINCT value AS entity FROM claim
WHERE best AND value_type = 'item' AND property IN (SELECT unnest($properties))
      AND value NOT IN (SELECT entity FROM entity)
"""

# An item can have been passed in several sources: the first one counts.
FROM_PASSING = """
CREATE OR REPLACE TEMP TABLE taken AS
SELECT entity, arg_min(p, (list_position($sources, source), number)) AS chosen
FROM (SELECT entity, source, number, struct_pack(source := source, number := number, revision := revision) AS p
      FROM unselected_entity SEMI JOIN wanted USING (entity))
GROUP BY entity;

INSERT INTO entity SELECT entity, false, 'any', chosen.revision, chosen.source FROM taken;

INSERT INTO label SELECT l.entity, language, text, l.source
FROM unselected_label l
JOIN taken t ON t.entity = l.entity AND t.chosen.source = l.source AND t.chosen.number = l.number;

INSERT INTO claim SELECT c.entity, property, ordinal, best, rank, value, value_type, bounds
FROM unselected_claim c
JOIN taken t ON t.entity = c.entity AND t.chosen.source = c.source AND t.chosen.number = c.number;
"""


def look_up(
    store: Store, selector: Selector, sources: Sequence[StreamSource | LookupSource], reporter: Reporter
) -> None:
    """Find the documents of the values, and of the values of path steps, until nothing new is pointed to."""
    asked_for: set[str] = set()
    while True:
        taken = _take_passing(store, selector, sources)
        missing = {row[0] for row in store.rows("SELECT entity FROM wanted EXCEPT SELECT entity FROM entity")}
        missing -= asked_for
        if not taken and not missing:
            break
        asked_for |= missing
        for source in sources:
            if isinstance(source, LookupSource):
                missing -= _ask(store, selector, source, missing, reporter)
    with store.transaction():
        for table in ("unselected_entity", "unselected_label", "unselected_claim"):
            store.execute(f"DELETE FROM {table}")


def _take_passing(store: Store, selector: Selector, sources: Sequence[StreamSource | LookupSource]) -> int:
    """Take over what has been kept of wanted values; gives how many."""
    properties = sorted({*selector.scope.answer_properties, *selector.scope.link_properties, BIRTHPLACE})
    store.execute(WANTED, {"properties": properties})
    with store.transaction():
        store.script(FROM_PASSING, {"sources": [source.name for source in sources]})
    return store.value("SELECT count(*) FROM taken")


def _ask(store: Store, selector: Selector, source: LookupSource, wanted: set[str], reporter: Reporter) -> set[str]:
    """Ask a source for the documents of values; gives the ids that it had."""
    found: set[str] = set()
    with reporter.bar(f"values: {source.name}", len(wanted), "documents") as bar:
        for part in _parts(source, wanted):
            found |= _write(store, selector, part, source.name)
            bar.advance(len(part))
    return found


def _parts(source: LookupSource, wanted: set[str]) -> Iterator[list[DocumentLine]]:
    ids = by_number(wanted)
    for begin in range(0, len(ids), BATCH_IDS):
        answers = source.documents(ids[begin : begin + BATCH_IDS])
        yield [DocumentLine(number, document, asked=asked) for number, (asked, document) in enumerate(answers)]


def _write(store: Store, selector: Selector, lines: list[DocumentLine], source: str) -> set[str]:
    """Write documents of values; gives their ids."""
    rows, written = EntityRowsBuilder(source), set()
    for line in lines:
        try:
            found = selector.read(line)
        except MalformedDocumentError:
            continue  # a value without a name is counted when questions are made
        claims = [claim for claim in found.claims if claim.property in selector.scope.step_properties]
        # A value that redirects keeps the id by which claims know it.
        rows.add(Entity(line.asked, found.revision, found.labels, claims), selected=False, link=[])
        written.add(line.asked)
    with store.transaction():
        rows.finish().write(store, STAGE)
    return written
