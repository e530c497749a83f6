"""Parquet tables of an export: their columns, and reading that turns damage into one line."""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.errors import UserError

NO_SPACE = os.strerror(errno.ENOSPC)
IMAGES = "images.parquet"
IMAGE_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("image", "file", "entity", "author", "attribution", "license")),
        ("license_code", pa.string()),
        ("free_license", pa.bool_()),
        *((name, pa.string()) for name in ("license_url", "source", "page", "changes", "restrictions")),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("relevance", pa.float64()),
        ("entities", pa.list_(pa.string())),
        ("held_out", pa.list_(pa.string())),
    ]
)
"""Columns of images.parquet. Only those of `IMAGE_NEEDED` are in every table, and filled in every row."""
IMAGE_NEEDED = ("image", "license")
STATEMENTS = "statements.parquet"
"""Statements of own knowledge with their origin; only if the export has any."""
STATEMENT_NEEDED = (
    *("entity", "property", "value", "language", "text"),
    *("file", "line", "author", "source", "license", "license_code"),
)
STATEMENT_SCHEMA = pa.schema([(name, pa.int64() if name == "line" else pa.string()) for name in STATEMENT_NEEDED])
"""Columns of statements.parquet that every row must fill."""
QUESTION_NEEDED = tuple(QUESTION_SCHEMA.names)


def wrong_columns(schema: pa.Schema, expected: pa.Schema, needed: Sequence[str]) -> Iterator[str]:
    """Yield the columns of a table that are missing or of another type, one line each.

    Args:
        schema: columns of the table. Others than the expected ones may have any type.
        expected: columns with their types.
        needed: columns that the table must have.
    """
    for field in expected:
        if field.name not in schema.names:
            if field.name in needed:
                yield f"no column {field.name}"
        elif schema.names.count(field.name) > 1:
            yield f"several columns {field.name}"
        elif not _is_alike(schema.field(field.name).type, field.type, is_needed=field.name in needed):
            yield f"column {field.name} is {schema.field(field.name).type}, not {field.type}"


def _is_alike(found: pa.DataType, expected: pa.DataType, *, is_needed: bool) -> bool:
    """Whether a type is the expected one. All integers are alike, and a column without values has no type."""
    if pa.types.is_null(found):
        return not is_needed
    return bool(found == expected or (pa.types.is_integer(found) and pa.types.is_integer(expected)))


def require_columns(path: Path, expected: pa.Schema, needed: Sequence[str]) -> pa.Schema:
    """Return the columns of a Parquet file, from its footer alone.

    Raises:
        UserError: the file is missing or no Parquet file, or a column is missing, of another type, or empty in a row.
            Values that lists lack are not in the footer.
    """
    with readable(path), pq.ParquetFile(path) as file:
        schema, empty = file.schema_arrow, _empty_columns(file.metadata)
    problems = [*wrong_columns(schema, expected, needed)]
    problems += [f"column {name} is empty in a row" for name in needed if name in empty]
    for problem in problems:
        raise UserError(f"{path}: {problem}. Run `pcult data check {path.parent}`.")
    return schema


def _empty_columns(footer: pq.FileMetaData) -> set[str]:
    """Return the columns that are empty in a row, as far as the file has statistics."""
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    columns = (group.column(place) for group in groups for place in range(group.num_columns))
    return {
        column.path_in_schema
        for column in columns
        if column.statistics is not None and column.statistics.has_null_count and column.statistics.null_count
    }


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the errors of a missing, truncated or garbled Parquet file into one line.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        yield
    # pyarrow raises ValueError for texts that are not UTF-8, and OSError without a number for broken pages.
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        if NO_SPACE in str(error) or getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE, errno.EACCES):
            raise
        raise UserError(
            f"{path} cannot be read ({in_one_line(error)}). Run `pcult data check {path.parent}`."
        ) from error


def in_one_line(error: Exception) -> str:
    """Return the beginning of an error's text, without line breaks."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:120] or type(error).__name__


def batches(path: Path, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Iterate over the rows of a Parquet file, whose texts are verified to be UTF-8.

    Args:
        path: the file.
        rows: rows of a batch at most.
        columns: columns to read; all by default.

    Raises:
        UserError: the file is missing, truncated or garbled.
    """
    with readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, columns=columns):
            batch.validate(full=True)
            yield batch


def image_texts(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Iterate over columns of a table of images. Those that it lacks are empty.

    Raises:
        UserError: the file is missing, truncated or garbled, or a column is missing, of another type or empty in a row.
    """
    schema = require_columns(path, IMAGE_SCHEMA, IMAGE_NEEDED)
    for batch in batches(path, 10_000, [name for name in columns if name in schema.names]):
        for row in batch.to_pylist():
            yield {name: row.get(name) or "" for name in columns}


def read(path: Path, expected: pa.Schema, needed: Sequence[str]) -> pa.Table:
    """Return a table, in which the needed columns are filled in every row.

    Raises:
        UserError: the file is missing, truncated or garbled, or a column is missing, of another type or empty in a row.
    """
    require_columns(path, expected, needed)
    with readable(path):
        table = pq.read_table(path, partitioning=None)
        table.validate(full=True)
    require_filled(table, path, needed)
    return table


def require_filled(table: pa.Table | pa.RecordBatch, path: Path, needed: Sequence[str]) -> None:
    """Check that no row lacks a value, also in lists.

    Raises:
        UserError: a column is empty in a row.
    """
    for name in needed:
        if number := num_empty(table[name]):
            raise UserError(f"{path}: column {name} is empty in {number:,} rows. Run `pcult data check {path.parent}`.")


def num_empty(column: Any) -> int:
    """Return the number of missing values of a column; of a list, also those in it."""
    if not pa.types.is_list(column.type):
        return int(column.null_count)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return int(column.null_count + sum(chunk.flatten().null_count for chunk in chunks))
