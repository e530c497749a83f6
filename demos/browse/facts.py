"""Facts and rejections of an entity, read from the factory's store."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from demos.records import Row, records

MISSING = "The export is in no workspace, so that its facts are unknown."
IN_USE = "A build is running. Facts are shown when it has ended."
FACTS = """
SELECT c.property, c.value, c.value_type, c.rank, c.best,
       coalesce((SELECT min(text) FROM label l WHERE l.entity = c.value AND l.language = $language),
                (SELECT min(text) FROM label l WHERE l.entity = c.value AND l.language = 'en'), '') AS label
FROM claim c WHERE c.entity = $entity ORDER BY c.property, c.ordinal LIMIT 200
"""
REJECTIONS = """
SELECT stage, reason, item, detail FROM rejection
WHERE item = $entity OR starts_with(item, $entity || ' ') OR starts_with(item, $entity || '-') LIMIT 100
"""
NAMES = """
SELECT language, text FROM label WHERE entity = $entity AND language IN ($language, 'en') ORDER BY language <> $language
"""
LABELS = (
    "SELECT entity, min(text) FROM label WHERE language = $language AND list_contains($entities, entity) GROUP BY 1"
)


@dataclass(frozen=True)
class Facts:
    """Names, claims and rejections of an entity."""

    names: list[Row]
    claims: list[Row]
    rejections: list[Row]
    problem: str = ""
    """Reason that there are no facts; empty if there are."""


def read(store: Path | None, entity: str, language: str) -> Facts:
    """Return the facts about an entity.

    The store is opened for the time of the queries only, so that a build can start while the page is open.

    Args:
        store: file of the store; None if the export is in no workspace.
        entity: id of the entity.
        language: code of the language of names.
    """
    if store is None or not store.is_file():
        return Facts([], [], [], MISSING)
    try:
        with duckdb.connect(str(store), read_only=True) as connection:
            values = {"entity": entity, "language": language}
            return Facts(
                records(connection.execute(NAMES, values)),
                records(connection.execute(FACTS, values)),
                records(connection.execute(REJECTIONS, {"entity": entity})),
            )
    except duckdb.IOException:
        return Facts([], [], [], IN_USE)


def labels(store: Path | None, entities: list[str], language: str) -> dict[str, str]:
    """Return the labels of entities in a language, as far as the store has them and no build is running."""
    if store is None or not store.is_file():
        return {}
    try:
        with duckdb.connect(str(store), read_only=True) as connection:
            return dict(connection.execute(LABELS, {"language": language, "entities": entities}).fetchall())
    except duckdb.IOException:
        return {}
