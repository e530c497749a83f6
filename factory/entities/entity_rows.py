"""Entities as rows of the store's tables: built per batch of documents, then passed on as Arrow tables."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from factory.reference import entity_types
from factory.store.store import Rejection, Store
from factory.wikidata.entity import Entity

TABLES = ("entity", "entity_region", "claim", "label", "unselected_entity", "unselected_claim", "unselected_label")
CLAIM = "claim: {}"
"""Reason of a rejected claim or label. The entity itself is not rejected."""


class EntityRowsBuilder:
    """Collects rows for the store's tables.

    Args:
        source: name of the documents' source.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self._rejections: Counter[tuple[str, str]] = Counter()
        self._added: set[str] = set()
        self.inputs = 0
        """Number of documents, rejected ones included."""

    def __contains__(self, entity: str) -> bool:
        return entity in self._added

    def add(self, entity: Entity, *, selected: bool, links: list[tuple[str, str]]) -> None:
        """Add an entity with its labels and claims.

        Args:
            entity: the entity.
            selected: whether questions are about the entity. Otherwise it is only a value.
            links: its regions, each with the property of the link.
        """
        self._added.add(entity.id)
        entity_type = entity_types.type_of(entity.best("P31")) if selected else entity_types.ANY
        row = {"entity": entity.id, "selected": selected, "entity_type": entity_type}
        self._tables["entity"].append(row | {"revision": entity.revision, "source": self._source})
        for ordinal, (region, property_id) in enumerate(links):
            self._tables["entity_region"].append(
                {"entity": entity.id, "region": region, "property": property_id, "ordinal": ordinal}
            )
        for claim in entity.claims:
            self._tables["claim"].append({"entity": entity.id} | {key: getattr(claim, key) for key in claim.__slots__})
        for code, text in entity.labels.items():
            self._tables["label"].append({"entity": entity.id, "language": code, "text": text, "source": self._source})
        for name, reason in entity.dropped:
            self.reject(f"{entity.id} {name}", CLAIM.format(reason))

    def add_unselected(self, number: int, entity: Entity, step_properties: frozenset[str]) -> None:
        """Keep the names and some claims of an entity that is not selected. Selected entities may point to it.

        Args:
            number: number of the document in its source.
            entity: the entity.
            step_properties: properties that lead from a value to further values.
        """
        head = {"source": self._source, "number": number, "entity": entity.id}
        self._tables["unselected_entity"].append(head | {"revision": entity.revision})
        for code, text in entity.labels.items():
            self._tables["unselected_label"].append(head | {"language": code, "text": text})
        for claim in entity.claims:
            if claim.property in step_properties:
                values = {key: getattr(claim, key) for key in claim.__slots__}
                self._tables["unselected_claim"].append(head | values)

    def reject(self, item: str, reason: str) -> None:
        """Count a rejection."""
        self._rejections[item, reason] += 1

    def build(self) -> "EntityRows":
        """Return the rows as Arrow tables, which are cheap to send to another process."""
        tables = {name: pa.Table.from_pylist(rows) for name, rows in self._tables.items() if rows}
        return EntityRows(tables, self._rejections, self.inputs)


class EntityRows:
    """Rows of a batch of documents."""

    def __init__(self, tables: dict[str, pa.Table], rejections: Counter[tuple[str, str]], inputs: int) -> None:
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
            self.rejections[entity, reason] += 1

    def write(self, store: Store, stage: str) -> None:
        """Append all rows and rejections to the store."""
        for name, table in self.tables.items():
            if table.num_rows:
                store.append(name, table)
        store.reject_all(
            stage, (Rejection(item, reason, items=items) for (item, reason), items in self.rejections.items())
        )
