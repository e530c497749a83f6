"""The store: one DuckDB file with the data of a build. Its tables are in schema.sql."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from factory.store import migrations
from pangea_cultural.dataset.sql import database_file
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import leftover_temporaries


class Rejection(NamedTuple):
    """Something that a stage drops, with its reason."""

    item: str
    reason: str
    detail: str = ""
    items: int = 1
    unit: str = ""
    """Kind of the dropped thing: empty for an input of the stage, or a part of one, such as `claim` or `file`."""


class StoreInUseError(UserError):
    """A store that another process has opened."""


class Store:
    """An open store. Use it as a context manager; only one process can open it for writing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self.connection = connection
        self.scratch = path.with_name(f".{path.name}.scratch")
        """Folder for temporary data of a build. The next one removes what a killed build left there."""
        self.on_commit: Callable[[], None] | None = None
        """Called after each transaction."""

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> "Store":
        """Open the store of a workspace. Create or upgrade it if necessary, unless read-only.

        Raises:
            UserError: another process uses it, it is not a store, its format does not fit this version, or no database
                can have its path.
        """
        if read_only and not path.exists():
            raise UserError(f"No store at {path}. Run `pcult build RECIPE` first.")
        database_file(path)
        try:
            if not path.exists():
                _make_empty(path)
            connection = duckdb.connect(path, read_only=read_only)
        except duckdb.IOException as error:
            raise _cannot_open(path, error) from error
        store = cls(connection, path)
        try:
            if not read_only:
                # No other process writes to an open store, so they are of a killed build. DuckDB keeps its own ones.
                for left in (store.scratch, path.with_name(f"{path.name}.tmp")):
                    shutil.rmtree(left, ignore_errors=True)
            store._require_schema(path, read_only)
        except BaseException:
            connection.close()
            raise
        return store

    def _require_schema(self, path: Path, read_only: bool) -> None:
        """Bring the schema up to date.

        Raises:
            UserError: the store is newer, is not upgradable, or would have to be upgraded while it is read-only.
        """
        number, latest = migrations.current(self.connection), migrations.MIGRATIONS[-1].number
        if number is None:
            raise UserError(f"{path} is from an unsupported version. Move it away, or choose another --workspace.")
        if number > latest:
            raise UserError(f"{path} has format {number}, newer than {latest}. Install a newer pangea-cultural.")
        if number < latest:
            if read_only:
                raise UserError(f"{path} has format {number}, older than {latest}. Run `pcult build RECIPE` first.")
            with self.transaction():
                migrations.upgrade(self.connection, number, migrations.MIGRATIONS)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in one transaction, which any exception rolls back."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()
        if self.on_commit is not None:
            self.on_commit()

    def append(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table; columns are matched by name."""
        self.connection.register("appended", rows)
        columns = ", ".join(f'"{name}"' for name in rows.column_names)
        self.connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM appended")
        self.connection.unregister("appended")

    def reject(self, stage: str, item: str, reason: str, detail: str = "", items: int = 1, *, unit: str = "") -> None:
        """Record something that a stage drops.

        Args:
            stage: name of the stage.
            item: id of what is dropped.
            reason: one of the stage's constants, the same for all items with the same fault.
            detail: text that is particular to the item.
            items: number of dropped things that the row stands for.
            unit: what is dropped, if it is a part of the stage's input: a claim of a document, a file of an entity.
        """
        self.reject_all(stage, [Rejection(item, reason, detail, items, unit)])

    def reject_all(self, stage: str, rejections: Iterable[Rejection]) -> None:
        """Record many dropped things at once."""
        rows = [{"stage": stage} | rejection._asdict() for rejection in rejections]
        if rows:
            self.append("rejection", pa.Table.from_pylist(rows))

    def reject_selected(self, stage: str, reason: str, query: str, parameters: dict[str, Any] | None = None) -> None:
        """Record what a query selects as dropped.

        Args:
            stage: name of the stage.
            reason: one of the stage's constants.
            query: gives the column `item`, and optionally `items`, `detail` and `unit`.
            parameters: named parameters of the query, other than `stage` and `reason`.
        """
        sql = f"INSERT INTO rejection BY NAME SELECT $stage AS stage, $reason AS reason, * FROM ({query})"
        self.execute(sql, {"stage": stage, "reason": reason} | (parameters or {}))

    def execute(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> None:
        """Run a statement and discard its result."""
        self.connection.execute(sql, parameters)

    def script(self, sql: str, parameters: dict[str, Any]) -> None:
        """Run several statements; each gets the parameters that it names."""
        for statement in duckdb.extract_statements(sql):
            self.connection.execute(statement, {name: parameters[name] for name in statement.named_parameters})

    def table(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> pa.Table:
        """Return the result of a query as an Arrow table."""
        return self.connection.sql(sql, params=parameters).to_arrow_table()

    def rows(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the result of a query as tuples."""
        return self.connection.execute(sql, parameters).fetchall()

    def value(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> Any:
        """Return the first value of a query's result; None if it has no rows."""
        # Fetch all rows: DuckDB refuses other statements on a connection with an unfinished result.
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None


def _make_empty(path: Path) -> None:
    """Create an empty database at `path` atomically, and remove the leftovers of interrupted attempts.

    DuckDB cannot open a file whose creation was interrupted before its header was written.
    """
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        database = Path(folder) / path.name
        duckdb.connect(database).close()
        try:
            # A rename would replace a database that another process has created and opened in the meantime.
            os.link(database, path)
        except OSError:
            # Either another process has created the store, or the file system has no links.
            if not path.exists():
                database.rename(path)
    for left in leftover_temporaries(path):
        shutil.rmtree(left, ignore_errors=True)


def _cannot_open(path: Path, error: duckdb.IOException) -> UserError:
    if "lock" in str(error).lower():
        return StoreInUseError(f"Another process is using the store {path}. Wait until it ends, or stop it.")
    if "not a valid DuckDB database" in str(error):
        return UserError(f"{path} is not a DuckDB store. Move it away, or choose another --workspace.")
    return UserError(f"Cannot open the store {path} ({' '.join(str(error).split())}). Choose another --workspace.")
