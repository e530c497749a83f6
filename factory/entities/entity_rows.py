"""Entities as rows of the store's tables, collected over a batch of documents and handed over as Arrow tables."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from factory.reference import entity_types
from factory.store.store import Store
from factory.wikidata.entity import Entity

TABLES = ("entity", "entity_region", "claim", "label", "unselected_entity", "unselected_claim", "unselected_label")


class EntityRowsBuilder:
    """EntityRowsBuilder for the store's tables.

    Args:
        source: stands in the store as the place that the rows came from.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._tables: dict[str, list[dict]] = {name: [] for name in TABLES}
        self._rejections: Counter[tuple[str, str]] = Counter()
        self._added: set[str] = set()
        self.inputs = 0
        """Documents that went in."""

    def __contains__(self, entity: str) -> bool:
        return entity in self._added

    def add(self, found: Entity, *, selected: bool, link: list[tuple[str, str]]) -> None:
        """Add an entity with its labels and claims.

        Args:
            found: the entity.
            selected: whether it is asked about, or stands for a value only.
            link: its regions, each with the property that makes the link.
        """
        self._added.add(found.id)
        entity_type = entity_types.type_of(found.best("P31")) if selected else entity_types.ANY
        row = {"entity": found.id, "selected": selected, "entity_type": entity_type}
        self._tables["entity"].append(row | {"revision": found.revision, "source": self._source})
        for ordinal, (slug, name) in enumerate(link):
            self._tables["entity_region"].append(
                {"entity": found.id, "region": slug, "property": name, "ordinal": ordinal}
            )
        for claim in found.claims:
            self._tables["claim"].append({"entity": found.id} | {key: getattr(claim, key) for key in claim.__slots__})
        for code, text in found.labels.items():
            self._tables["label"].append({"entity": found.id, "language": code, "text": text, "source": self._source})
        for name, reason in found.dropped:
            self.reject(f"{found.id} {name}", f"claim: {reason}")

    def add_unselected(self, number: int, found: Entity, steps: frozenset[str]) -> None:
        """Keep the names of an entity that is not selected, and some claims: selected ones may point to it.

        Args:
            number: of the document, in its source.
            found: the entity.
            steps: properties that lead on from a value.
        """
        head = {"source": self._source, "number": number, "entity": found.id}
        self._tables["unselected_entity"].append(head | {"revision": found.revision})
        for code, text in found.labels.items():
            self._tables["unselected_label"].append(head | {"language": code, "text": text})
        for claim in found.claims:
            if claim.property in steps:
                values = {key: getattr(claim, key) for key in claim.__slots__}
                self._tables["unselected_claim"].append(head | values)

    def reject(self, item: str, reason: str) -> None:
        """Count something as dropped."""
        self._rejections[item, reason] += 1

    def finish(self) -> "EntityRows":
        """The rows as Arrow tables, which travel between processes at little cost."""
        tables = {name: pa.Table.from_pylist(rows) for name, rows in self._tables.items() if rows}
        return EntityRows(tables, self._rejections, self.inputs)


class EntityRows:
    """EntityRowsBuilder of a batch, ready to be written."""

    def __init__(self, tables: dict[str, pa.Table], rejections: Counter[tuple[str, str]], inputs: int) -> None:
        self.tables = tables
        self.rejections = rejections
        self.inputs = inputs

    def entities(self) -> list[str]:
        """Ids of the entities that have rows."""
        return self.tables["entity"]["entity"].to_pylist() if "entity" in self.tables else []

    def drop(self, entities: set[str], reason: str) -> None:
        """Take entities out again, counted as rejections."""
        if not entities:
            return
        gone = pa.array(sorted(entities))
        for name in ("entity", "entity_region", "claim", "label"):
            if name in self.tables:
                rows = self.tables[name]
                self.tables[name] = rows.filter(pc.invert(pc.is_in(rows["entity"], value_set=gone)))
        for item in entities:
            self.rejections[item, reason] += 1

    def write(self, store: Store, stage: str) -> None:
        """Append everything to the store."""
        for name, table in self.tables.items():
            if table.num_rows:
                store.append(name, table)
        rejections = [
            {"stage": stage, "item": item, "reason": reason, "items": n}
            for (item, reason), n in self.rejections.items()
        ]
        if rejections:
            store.append("rejection", pa.Table.from_pylist(rejections))
