"""Values of claims: the items that selected entities point to, such as a country or an architect, with their names.

A streamed source keeps its unselected documents. A lookup source is asked for the missing ones. Along a path such as
P17/P36 a value's claim leads to further values. The classes of values and the areas they lie in are read as well. A
value without a row in the table `entity` is one whose document no source has.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from factory.entities.base import STAGE, DocumentLine, LookupSource, StreamSource
from factory.entities.entity_rows import EntityRowsBuilder
from factory.entities.selector import Selector
from factory.entities.sources import structure_claims
from factory.reference.entity_types import ANY
from factory.reference.properties import AREA, BIRTHPLACE, CLASS, SUPERCLASS, WHOLE
from factory.scope import Scope
from factory.store.store import Store
from factory.wikidata.entity import Entity, MalformedDocumentError, read_entity
from factory.wikidata.values import by_number
from pangea_cultural.reference.ids import is_own
from pangea_cultural.utils.console import Reporter

BATCH_IDS = 500
"""Number of documents between two writes."""

STRUCTURE_STEPS = 3
"""Number of steps from a value to what it lies in or is a kind of: enough for a village's county, and for classes of
classes. Each step is a round of calls to a lookup source."""

# Facts lead from selected entities to values, and along paths to further ones. From both, classes, superclasses, areas
# and wholes are followed for some steps.
NEEDED = """
CREATE OR REPLACE TEMP TABLE needed AS
WITH RECURSIVE fact AS (
    SELECT entity, true AS selected FROM entity WHERE selected
    UNION
    SELECT c.value, false FROM fact f JOIN claim c ON c.entity = f.entity
    WHERE c.best AND c.value_type = 'item'
      AND (c.property IN (SELECT unnest($steps)) OR (f.selected AND c.property IN (SELECT unnest($properties))))
),
structure AS (
    SELECT DISTINCT entity, 0 AS step FROM fact
    UNION
    SELECT c.value, step + 1 FROM structure s JOIN claim c ON c.entity = s.entity
    WHERE c.best AND c.value_type = 'item' AND step < $rounds
      AND (c.property IN ($superclass, $area, $whole) OR (c.property = $class AND step = 0))
)
SELECT DISTINCT entity FROM structure WHERE entity NOT IN (SELECT entity FROM entity)
"""

# Several sources can have the same item: the first one counts.
ADD_UNSELECTED = """
CREATE OR REPLACE TEMP TABLE added AS
SELECT entity, arg_min(p, (list_position($sources, source), number)) AS chosen
FROM (SELECT entity, source, number, struct_pack(source := source, number := number, revision := revision) AS p
      FROM unselected_entity SEMI JOIN needed USING (entity))
GROUP BY entity;

INSERT INTO entity (entity, selected, entity_type, revision, source)
SELECT entity, false, $any, chosen.revision, chosen.source FROM added;

INSERT INTO label SELECT l.entity, language, text, l.source
FROM unselected_label l
JOIN added a ON a.entity = l.entity AND a.chosen.source = l.source AND a.chosen.number = l.number;

INSERT INTO claim SELECT c.entity, property, ordinal, best, rank, value, value_type, bounds, qualified, referenced
FROM unselected_claim c
JOIN added a ON a.entity = c.entity AND a.chosen.source = c.source AND a.chosen.number = c.number;
"""
UNPARSED = """
SELECT a.entity, u.structure FROM added a
JOIN unselected_entity u ON u.entity = a.entity AND u.source = a.chosen.source AND u.number = a.chosen.number
WHERE u.structure <> '' ORDER BY a.entity
"""


def look_up(
    store: Store, selector: Selector, sources: Sequence[StreamSource | LookupSource], reporter: Reporter
) -> None:
    """Add the documents of values, of path steps, and of what they lie in, until no claim points to a new one."""
    asked: set[str] = set()
    while True:
        added = _add_unselected(store, selector, sources)
        missing = {row[0] for row in store.rows("SELECT entity FROM needed EXCEPT SELECT entity FROM entity")}
        # Other sources lack own entities.
        missing = {name for name in missing - asked if not is_own(name)}
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
    scope = selector.scope
    parameters = {
        "properties": sorted({*scope.answer_properties, *scope.link_properties, BIRTHPLACE}),
        "steps": sorted(scope.step_properties),
        "class": CLASS,
        "superclass": SUPERCLASS,
        "area": AREA,
        "whole": WHOLE,
        "rounds": STRUCTURE_STEPS,
    }
    store.execute(NEEDED, parameters)
    with store.transaction():
        store.script(ADD_UNSELECTED, {"sources": [source.name for source in sources], "any": ANY})
        _parse_structure(store, scope)
    return store.value("SELECT count(*) FROM added")


def _parse_structure(store: Store, scope: Scope) -> None:
    """Write the claims of added entities that a dump source has cut out of their documents."""
    rows = []
    for entity, structure in store.rows(UNPARSED):
        document = {"id": entity, "claims": structure_claims.statements(structure)}
        claims = read_entity(document, scope.value_properties, frozenset(), as_of=scope.as_of).claims
        rows += [{"entity": entity} | {key: getattr(claim, key) for key in claim.__slots__} for claim in claims]
    if rows:
        store.append("claim", pa.Table.from_pylist(rows))


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
        kept = (claim for claim in entity.claims if claim.property in selector.scope.value_properties)
        claims = [claim.without_reference() for claim in kept]
        # A redirected value keeps the id that claims have.
        rows.add(Entity(line.asked, entity.revision, entity.labels, claims), selected=False, links=[])
        written.add(line.asked)
    with store.transaction():
        rows.build().write(store, STAGE)
    return written
