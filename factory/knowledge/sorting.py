"""Rows of own knowledge in the order of their entities, sorted on disk: memory does not depend on their number."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from factory.knowledge import disk, statements
from factory.knowledge.errors import TOO_MANY, RowError
from factory.knowledge.files import Files
from factory.knowledge.statements import Statement
from factory.scope import Scope

BATCH_ROWS = 20_000
MAX_ENTITY_ROWS = 5_000
"""Rows about one entity, which are in memory at a time."""
_COLUMNS = tuple(field.name for field in fields(Statement))


class Stated(NamedTuple):
    """A statement with its place."""

    place: str
    """Such as `customs.csv:7`."""
    file: str
    line: int
    title: str
    """Title of its image, or empty."""
    statement: Statement


class Rejected(NamedTuple):
    """A row that is not used."""

    place: str
    reason: str
    detail: str = ""


class SortedRows:
    """The checked rows of all files. Use it as a context manager.

    Args:
        files: the files.
        scope: languages and properties of the recipe.
        scratch: folder for temporary data, as in `disk.database`.
    """

    def __init__(self, files: Files, scope: Scope, scratch: Path | None = None) -> None:
        self._files, self._scope, self._scratch = files, scope, scratch
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> "SortedRows":
        """Read all rows.

        Raises:
            UserError: a file cannot be read.
        """
        with contextlib.ExitStack() as stack:
            self._connection = stack.enter_context(disk.database(self._scratch))
            texts = ", ".join(f"{name} VARCHAR" for name in ("place", "file", "title", *_COLUMNS))
            self._connection.execute(f"CREATE TABLE stated (number BIGINT, line BIGINT, {texts})")
            self._connection.execute(
                "CREATE TABLE rejected (number BIGINT, place VARCHAR, reason VARCHAR, detail VARCHAR)"
            )
            self._read()
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._resources.close()

    def _read(self) -> None:
        numbered = enumerate(self._checked())
        for batch in iter(lambda: list(itertools.islice(numbered, BATCH_ROWS)), []):
            stated = [(number, row) for number, row in batch if isinstance(row, Stated)]
            columns = [
                (number, row.line, row.place, row.file, row.title, *_cells(row.statement)) for number, row in stated
            ]
            disk.append(self._connection, "stated", ("number", "line", "place", "file", "title", *_COLUMNS), columns)
            rejected = [(number, *row) for number, row in batch if isinstance(row, Rejected)]
            disk.append(self._connection, "rejected", ("number", "place", "reason", "detail"), rejected)

    def _checked(self) -> Iterator[Stated | Rejected]:
        for row in self._files.rows():
            try:
                if isinstance(row.cells, RowError):
                    raise row.cells
                statement = statements.read(row.cells, row.file.name, self._scope)
            except RowError as error:
                yield Rejected(row.place, error.reason, error.detail)
                continue
            title = self._files.title(row.file, statement.image) if statement.image else ""
            yield Stated(row.place, row.file.name, row.line, title, statement)

    @property
    def num_rejected(self) -> int:
        """Number of rows that are wrong by themselves."""
        return self._connection.execute("SELECT count(*) FROM rejected").fetchall()[0][0]

    def rejected(self, start: int) -> Iterator[Rejected]:
        """Yield the rows that are wrong by themselves, after the first `start`."""
        for row in self._stream("SELECT place, reason, detail FROM rejected ORDER BY number", start):
            yield Rejected(**row)

    def entities(self, start: int) -> Iterator[tuple[str, list[Stated], list[Rejected]]]:
        """Yield the entities after the first `start`, by id: rows in the order of the files, and what is too much."""
        first = self._connection.execute(
            "SELECT entity FROM stated GROUP BY entity ORDER BY entity LIMIT 1 OFFSET ?", [start]
        ).fetchall()
        if not first:
            return
        query = f"SELECT * FROM stated WHERE entity >= '{first[0][0]}' ORDER BY entity, number"
        for entity, rows in itertools.groupby(self._stream(query), key=lambda row: row["entity"]):
            kept = [_stated(row) for row in itertools.islice(rows, MAX_ENTITY_ROWS)]
            rest = [Rejected(row["place"], TOO_MANY, entity) for row in rows]
            yield entity, kept, rest

    def _stream(self, query: str, offset: int = 0) -> Iterator[dict[str, Any]]:
        with self._connection.cursor() as cursor:
            for batch in cursor.sql(f"{query} OFFSET {offset}").to_arrow_reader(BATCH_ROWS):
                yield from batch.to_pylist()


def _cells(statement: Statement) -> tuple[str, ...]:
    return tuple(getattr(statement, name) for name in _COLUMNS)


def _stated(row: dict[str, Any]) -> Stated:
    statement = Statement(**{name: row[name] for name in _COLUMNS})
    return Stated(row["place"], row["file"], row["line"], row["title"], statement)
