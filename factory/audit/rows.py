"""The rows of an export as views in DuckDB, which reads the Parquet files in bounded memory."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa

from pangea_cultural.dataset.export import SPLITS, questions_name
from pangea_cultural.dataset.sql import parquet, quoted
from pangea_cultural.errors import UserError

MEMORY = "3GB"
"""Memory of DuckDB. Larger intermediate results go to a temporary folder."""
COLUMNS = (
    *("id", "question_type", "language", "entity", "property", "image", "question", "answer", "answers", "choices"),
    "template",
)
"""Columns that every export has."""
OPTIONAL = ("entity_type", "sentence")
"""Columns that exports of older versions lack."""
PARTS = 20
"""Number of parts of the rows, by image. Samples and cross-validation are made of parts."""

Source = Path | Mapping[str, pa.Table]
"""Folder of an export, or one table for each split."""


@contextlib.contextmanager
def opened(
    source: Source, *, held_out_languages: tuple[str, ...], seed: int, temporary: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the rows of an export as the view `row`.

    Args:
        source: the question files or tables. The manifest is not read: it is written last.
        held_out_languages: languages without rows in train.
        seed: seed of samples.
        temporary: folder for what does not fit into memory; by default that of the system.

    Yields:
        A connection with the view, and the table `held_out`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="pcult-audit-", dir=temporary) as folder,
        duckdb.connect(":memory:") as connection,
    ):
        connection.execute(f"SET temp_directory = {quoted(folder)}; SET memory_limit = '{MEMORY}'")
        connection.execute("SET preserve_insertion_order = false")
        languages = pa.table({"language": pa.array(held_out_languages, pa.string())})
        connection.register("held_out_languages", languages)
        connection.execute("CREATE TABLE held_out AS SELECT DISTINCT language FROM held_out_languages")
        parts = [_select(connection, source, split) for split in SPLITS]
        connection.execute(f"CREATE VIEW file_row AS {' UNION ALL BY NAME '.join(parts)}")
        connection.execute("CREATE TABLE seed AS SELECT ?::VARCHAR AS seed", [str(seed)])
        connection.execute(script("rows.sql"))
        yield connection


def script(name: str) -> str:
    """Return an SQL script of this package."""
    return resources.files("factory.audit").joinpath(name).read_text("utf-8")


def _select(connection: duckdb.DuckDBPyConnection, source: Source, split: str) -> str:
    """Return a query for the rows of a split, in which missing columns are empty."""
    if isinstance(source, Path):
        origin = parquet(source / questions_name(split))
    else:
        origin = f"{split}_table"
        connection.register(origin, source[split])
    columns = {row[0] for row in connection.execute(f"DESCRIBE FROM {origin}").fetchall()}
    if lost := [column for column in COLUMNS if column not in columns]:
        raise UserError(f"The rows of {split} have no column {lost[0]}. Build the export again.")
    missing = "".join(f", '' AS {column}" for column in OPTIONAL if column not in columns)
    return f"SELECT *{missing}, '{split}' AS split FROM {origin}"
