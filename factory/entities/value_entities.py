"""Values of claims: the items that selected entities point to, such as a country or an architect, with their names.

A streamed source keeps its unselected documents. A lookup source is asked for the missing ones. Along a path such as
P17/P36 a value's claim leads to further values.
"""

from collections.abc import Iterator, Sequence

from factory.entities.base import STAGE, DocumentLine, LookupSource, StreamSource
from factory.entities.entity_rows import EntityRowsBuilder
from factory.entities.selector import Selector
from factory.reference.properties import BIRTHPLACE
from factory.store.store import Store
from factory.wikidata.entity import Entity, MalformedDocumentError
from factory.wikidata.values import by_number
from pangea_cultural.utils.console import Reporter

BATCH_IDS = 500
"""Number of documents between two writes."""

NEEDED = """
CREATE OR REPLACE TEMP TABLE needed AS
SELECT DISTINCT value AS entity FROM claim
WHERE best AND value_type = 'item' AND property IN (SELECT unnest($properties))
      AND value NOT IN (SELECT entity FROM entity)
"""

# Several sources can have the same item: the first one counts.
ADD_UNSELECTED = """
CREATE OR REPLACE TEMP TABLE added AS
SELECT entity, arg_min(p, (list_position($sources, source), number)) AS chosen
FROM (SELECT entity, source, number, struct_pack(source := source, number := number, revision := revision) AS p
      FROM unselected_entity SEMI JOIN needed USING (entity))
GROUP BY entity;

INSERT INTO entity SELECT entity, false, 'any', chosen.revision, chosen.source FROM added;

INSERT INTO label SELECT l.entity, language, text, l.source
FROM unselected_label l
JOIN added a ON a.entity = l.entity AND a.chosen.source = l.source AND a.chosen.number = l.number;

INSERT INTO claim SELECT c.entity, property, ordinal, best, rank, value, value_type, bounds
FROM unselected_claim c
JOIN added a ON a.entity = c.entity AND a.chosen.source = c.source AND a.chosen.number = c.number;
"""


def look_up(
    store: Store, selector: Selector, sources: Sequence[StreamSource | LookupSource], reporter: Reporter
) -> None:
    """Add the documents of values, and of the values of path steps, until no claim points to a new one."""
    asked: set[str] = set()
    while True:
        added = _add_unselected(store, selector, sources)
        missing = {row[0] for row in store.rows("SELECT entity FROM needed EXCEPT SELECT entity FROM entity")}
        missing -= asked
        if not added and not missing:
            break
        asked |= missing
        for source in sources:
            if isinstance(source, LookupSource):
                missing -= _ask(store, selector, source, missing, reporter)
    with store.transaction():
        for table in ("unselected_entity", "unselected_label", "unselected_claim"):
            store.execute(f"DELETE FROM {table}")


def _add_unselected(store: Store, selector: Selector, sources: Sequence[StreamSource | LookupSource]) -> int:
    """Add the needed values among the unselected entities, and return their number."""
    properties = sorted({*selector.scope.answer_properties, *selector.scope.link_properties, BIRTHPLACE})
    store.execute(NEEDED, {"properties": properties})
    with store.transaction():
        store.script(ADD_UNSELECTED, {"sources": [source.name for source in sources]})
    return store.value("SELECT count(*) FROM added")


def _ask(store: Store, selector: Selector, source: LookupSource, ids: set[str], reporter: Reporter) -> set[str]:
    """Ask a source for the documents of values, and return the ids that it has."""
    written: set[str] = set()
    with reporter.bar(f"values: {source.name}", len(ids), "documents") as bar:
        for lines in _batches(source, ids):
            written |= _write(store, selector, lines, source.name)
            bar.advance(len(lines))
    return written


def _batches(source: LookupSource, ids: set[str]) -> Iterator[list[DocumentLine]]:
    ordered = by_number(ids)
    for start in range(0, len(ordered), BATCH_IDS):
        answers = source.documents(ordered[start : start + BATCH_IDS])
        yield [DocumentLine(number, document, asked=asked) for number, (asked, document) in enumerate(answers)]


def _write(store: Store, selector: Selector, lines: list[DocumentLine], source: str) -> set[str]:
    """Write the documents of values, and return their ids."""
    rows, written = EntityRowsBuilder(source), set()
    for line in lines:
        try:
            entity = selector.read(line)
        except MalformedDocumentError:
            continue  # values without names are counted when questions are made
        claims = [claim for claim in entity.claims if claim.property in selector.scope.step_properties]
        # A redirected value keeps the id that claims have.
        rows.add(Entity(line.asked, entity.revision, entity.labels, claims), selected=False, links=[])
        written.add(line.asked)
    with store.transaction():
        rows.build().write(store, STAGE)
    return written
