"""The store: one DuckDB file with everything that a build knows. Its tables are in schema.sql."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from factory.store import migrations
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import leftover_temporaries


class Rejection(NamedTuple):
    """Something that a stage drops, with its reason."""

    item: str
    reason: str
    detail: str = ""
    items: int = 1


class Store:
    """An open store. Use it as a context manager; only one process can hold it for writing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> "Store":
        """Open the store of a workspace, making it if it is not there (unless read-only).

        Raises:
            UserError: another process holds it, it is not a store, or another version wrote it.
        """
        if read_only and not path.exists():
            raise UserError(f"no store at {path}: run `pcult build RECIPE` first")
        try:
            if not path.exists():
                _make_empty(path)
            connection = duckdb.connect(path, read_only=read_only)
        except duckdb.IOException as error:
            raise _cannot_open(path, error) from error
        store = cls(connection)
        try:
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
        """Everything in the block happens, or nothing does."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table; columns are matched by name."""
        self.connection.register("appended", rows)
        columns = ", ".join(f'"{name}"' for name in rows.column_names)
        self.connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM appended")
        self.connection.unregister("appended")

    def reject(self, stage: str, item: str, reason: str, detail: str = "", items: int = 1) -> None:
        """Record something that a stage drops.

        Args:
            stage: name of the stage.
            item: id of what is dropped.
            reason: one of the stage's constants, the same for all items with the same fault.
            detail: text that is particular to the item.
            items: number of dropped things that the row stands for.
        """
        self.reject_all(stage, [Rejection(item, reason, detail, items)])

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
            query: gives the column `item`, and optionally `items` and `detail`.
            parameters: named parameters of the query, other than `stage` and `reason`.
        """
        sql = f"INSERT INTO rejection BY NAME SELECT $stage AS stage, $reason AS reason, * FROM ({query})"
        self.execute(sql, {"stage": stage, "reason": reason} | (parameters or {}))

    def execute(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> None:
        """Run a statement for its effect."""
        self.connection.execute(sql, parameters)

    def script(self, sql: str, parameters: dict[str, Any]) -> None:
        """Run several statements; each gets those of the named parameters that it names."""
        for statement in duckdb.extract_statements(sql):
            own = {name: parameters[name] for name in statement.named_parameters}
            self.connection.execute(statement, own)

    def table(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> pa.Table:
        """The result of a query as an Arrow table."""
        return self.connection.sql(sql, params=parameters).to_arrow_table()

    def rows(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The result of a query as tuples."""
        return self.connection.execute(sql, parameters).fetchall()

    def value(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> Any:
        """The single value that a query gives; None where it gives no row."""
        # All rows are fetched: DuckDB refuses other work on a connection whose last result is unfinished.
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None


def _make_empty(path: Path) -> None:
    """Put an empty database at `path`, whole: killed before it has written a header, DuckDB leaves a file that it does
    not open again. What a kill has left of an earlier try is removed.
    """
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        made = Path(folder) / path.name
        duckdb.connect(made).close()
        try:
            # A link, because a rename would replace what another process has made and opened meanwhile.
            os.link(made, path)
        except OSError:
            # Another process has made it, and may have removed this one; or the file system has no links.
            if not path.exists():
                made.rename(path)
    for left in leftover_temporaries(path):
        shutil.rmtree(left, ignore_errors=True)


def _cannot_open(path: Path, error: duckdb.IOException) -> UserError:
    if "lock" in str(error).lower():
        return UserError(f"another process is using the store {path}: wait until it is done, or stop it")
    if "not a valid DuckDB database" in str(error):
        return UserError(f"{path} is not a DuckDB store: move it away, or choose another --workspace")
    return UserError(f"cannot open the store {path}: {' '.join(str(error).split())}")
