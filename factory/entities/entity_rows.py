"""Entities as rows of the store's tables: built per batch of documents, then passed on as Arrow tables."""

import operator
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from factory.entities.base import Origin, SkippedEntity
from factory.reference import entity_types
from factory.store.store import Rejection, Store
from factory.wikidata.entity import Claim, Entity, revision

_CLAIM_COLUMNS = tuple(Claim.__slots__)
_HEAD = ("source", "number", "entity")
COLUMNS = {
    "entity": ("entity", "selected", "entity_type", "life", "revision", "source"),
    "entity_region": ("entity", "region", "property", "ordinal"),
    "claim": ("entity", *_CLAIM_COLUMNS),
    "label": ("entity", "language", "text", "source"),
    "unselected_entity": (*_HEAD, "revision", "structure"),
    "unselected_claim": (*_HEAD, *_CLAIM_COLUMNS),
    "unselected_label": (*_HEAD, "language", "text"),
    "statement": Origin._fields,
}
"""Columns of the rows by table."""
CLAIM = "claim: {}"
"""Reason of a rejected claim or label. The entity itself is not rejected."""


class EntityRowsBuilder:
    """Collects rows for the store's tables.

    Args:
        source: name of the documents' source.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        # Tuples: a dictionary for each row would take twice as long.
        self._tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
        self._rejections: Counter[Rejection] = Counter()
        self._added: set[str] = set()
        self.inputs = 0
        """Number of documents, rejected ones included."""

    def __contains__(self, entity: str) -> bool:
        return entity in self._added

    def add(self, entity: Entity, *, selected: bool, links: list[tuple[str, str]], life: str = "") -> None:
        """Add an entity with its labels and claims. Its type is found when all documents have been read.

        Args:
            entity: the entity.
            selected: whether questions are about the entity. Otherwise it is only a value.
            links: its regions, each with the property of the link.
            life: whether it is a living person (see life.py).
        """
        self._added.add(entity.id)
        name, source = entity.id, self._source
        entity_type = entity.entity_type or entity_types.ANY
        self._tables["entity"].append((name, selected, entity_type, life, entity.revision, source))
        self._tables["entity_region"] += ((name, *link, ordinal) for ordinal, link in enumerate(links))
        self._tables["claim"] += ((name, *_values(claim)) for claim in entity.claims)
        self._tables["label"] += ((name, code, text, source) for code, text in entity.labels.items())
        for item, reason in entity.dropped:
            self.reject(f"{name} {item}", CLAIM.format(reason), unit="claim")

    def add_unselected(self, number: int, entity: Entity, value_properties: frozenset[str]) -> None:
        """Keep the names and some claims of an entity that is not selected. Selected entities may point to it.

        Args:
            number: number of the document in its source.
            entity: the entity.
            value_properties: properties whose claims are kept.
        """
        head = (self._source, number, entity.id)
        self._tables["unselected_entity"].append((*head, entity.revision, ""))
        self._tables["unselected_label"] += ((*head, code, text) for code, text in entity.labels.items())
        self._tables["unselected_claim"] += (
            (*head, *_values(claim.without_reference()))
            for claim in entity.claims
            if claim.property in value_properties
        )

    def add_skipped(self, skipped: SkippedEntity, labels: dict[str, str]) -> None:
        """Keep what was cut out of a document that was not parsed: an `Entity` for each would take longer."""
        source, number, name = self._source, skipped.number, skipped.id
        row = (source, number, name, revision(skipped.revision), skipped.structure.decode())
        self._tables["unselected_entity"].append(row)
        self._tables["unselected_label"] += [(source, number, name, code, text) for code, text in labels.items()]

    def add_origins(self, origins: list[Origin]) -> None:
        """Keep the rows of own knowledge that an entity is from, whether it is selected or not."""
        self._tables["statement"] += origins

    def reject(self, item: str, reason: str, detail: str = "", unit: str = "") -> None:
        """Count a rejection, see `Store.reject`."""
        self.count(Rejection(item, reason, detail, unit=unit))

    def count(self, rejection: Rejection) -> None:
        """Count a rejection that many documents share."""
        self._rejections[rejection] += 1

    def build(self) -> "EntityRows":
        """Return the rows as Arrow tables, which are cheap to send to another process."""
        tables = {
            name: pa.table(dict(zip(COLUMNS[name], map(list, zip(*rows, strict=True)), strict=True)))
            for name, rows in self._tables.items()
            if rows
        }
        return EntityRows(tables, self._rejections, self.inputs)


_values = operator.attrgetter(*_CLAIM_COLUMNS)


class EntityRows:
    """Rows of a batch of documents."""

    def __init__(self, tables: dict[str, pa.Table], rejections: Counter[Rejection], inputs: int) -> None:
        self.tables = tables
        self.rejections = rejections
        self.inputs = inputs

    def entities(self) -> list[str]:
        """Return the ids of the added entities."""
        return self.tables["entity"]["entity"].to_pylist() if "entity" in self.tables else []

    def drop(self, entities: set[str], reason: str) -> None:
        """Remove entities and count them as rejections."""
        if not entities:
            return
        dropped = pa.array(sorted(entities))
        for name in ("entity", "entity_region", "claim", "label"):
            if name in self.tables:
                rows = self.tables[name]
                self.tables[name] = rows.filter(pc.invert(pc.is_in(rows["entity"], value_set=dropped)))
        for entity in entities:
            self.rejections[Rejection(entity, reason)] += 1

    def write(self, store: Store, stage: str) -> None:
        """Append all rows and rejections to the store."""
        for name, table in self.tables.items():
            if table.num_rows:
                store.append(name, table)
        store.reject_all(stage, (rejection._replace(items=items) for rejection, items in self.rejections.items()))
