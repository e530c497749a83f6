"""Rows of an export by filter, read from its Parquet files by DuckDB."""

from collections.abc import Mapping
from typing import Any

import duckdb

from demos.records import Row, records
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.sql import parquet
from pangea_cultural.dataset.tables import IMAGES

FILTERS = ("split", "language", "region", "property", "entity_type", "question_type", "license")
"""Columns that a reader can choose a value of."""
Chosen = Mapping[str, str]
"""Chosen values by column, and under `text` a text of question, answer or entity. Empty ones limit nothing."""


class Rows:
    """The rows of an export. Threads may use one object at the same time."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self._connection = duckdb.connect(":memory:")
        parts = [f"SELECT *, '{split}' AS split FROM {parquet(export.questions_file(split))}" for split in SPLITS]
        self._connection.execute(f"CREATE VIEW question AS {' UNION ALL BY NAME '.join(parts)}")
        self._connection.execute(f"CREATE VIEW credit AS FROM {parquet(export.path / IMAGES)}")
        self._connection.execute(
            """CREATE VIEW row AS SELECT q.*, coalesce(c.license, '') AS license
               FROM question q LEFT JOIN (SELECT image, license FROM credit) c USING (image)"""
        )

    def values(self, column: str) -> list[tuple[str, int]]:
        """Return the values of a column of `FILTERS` with their numbers of rows, the most frequent first."""
        query = f"SELECT {column}, count(*) FROM row GROUP BY 1 ORDER BY 2 DESC, 1"
        return self._connection.cursor().execute(query).fetchall()

    def count(self, chosen: Chosen) -> int:
        """Return the number of rows that a filter leaves."""
        where, values = _where(chosen)
        found = self._connection.cursor().execute(f"SELECT count(*) FROM row {where}", values).fetchone()
        return int(found[0]) if found else 0

    def page(self, chosen: Chosen, *, start: int, number: int) -> list[Row]:
        """Return rows of a filter in a shuffled order, which depends on their ids only."""
        where, values = _where(chosen)
        return self._records(
            f"SELECT * FROM row {where} ORDER BY md5(id) LIMIT $number OFFSET $start",
            values | {"number": number, "start": start},
        )

    def ids(self, names: list[str]) -> dict[str, Row]:
        """Return the rows with these ids, by id. Ids that the export does not have are missing."""
        rows = self._records("SELECT * FROM row WHERE list_contains($names, id)", {"names": names})
        return {row["id"]: row for row in rows}

    def credit(self, image: str) -> Row:
        """Return author, license and source of an image; empty if the export does not have it."""
        found = self._records("SELECT * FROM credit WHERE image = $image", {"image": image})
        return found[0] if found else {}

    def _records(self, query: str, values: Mapping[str, Any]) -> list[Row]:
        return records(self._connection.cursor().execute(query, dict(values)))


def _where(chosen: Chosen) -> tuple[str, dict[str, Any]]:
    """Return the condition of a filter, and its values."""
    values: dict[str, Any] = {column: chosen[column] for column in FILTERS if chosen.get(column)}
    conditions = [f"{column} = ${column}" for column in values]
    if text := chosen.get("text", "").strip():
        values["text"] = text.lower()
        conditions.append(
            "(contains(lower(question), $text) OR contains(lower(answer), $text) OR lower(entity) = $text)"
        )
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values
