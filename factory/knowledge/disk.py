"""Databases on disk for rows of own knowledge: memory does not depend on their number."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

MEMORY_LIMIT = "512MB"
"""Limit of DuckDB. More rows are sorted on disk."""


@contextlib.contextmanager
def database(scratch: Path | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database, and remove it at the end of the block.

    Args:
        scratch: folder for temporary data, such as that of a store, which removes what a killed build left there. By
            default it is that of the system.
    """
    if scratch is not None:
        scratch.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="pcult-knowledge-", dir=scratch) as folder,
        duckdb.connect(str(Path(folder) / "rows"), config={"memory_limit": MEMORY_LIMIT}) as connection,
    ):
        yield connection
    if scratch is not None:
        with contextlib.suppress(OSError):  # another database may be open
            scratch.rmdir()


def append(
    connection: duckdb.DuckDBPyConnection, table: str, names: Iterable[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Append rows to a table. Names of columns are in the order of the cells."""
    if rows:
        appended = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
        connection.register("appended", appended)
        connection.execute(f"INSERT INTO {table} BY NAME FROM appended")
        connection.unregister("appended")
