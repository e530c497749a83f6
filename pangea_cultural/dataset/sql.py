"""SQL of DuckDB: texts where a parameter is not possible, and errors of damaged files in one line."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from pangea_cultural.dataset.tables import IMAGE_NEEDED, IMAGE_SCHEMA, NO_SPACE, require_columns
from pangea_cultural.errors import UserError

GLOB = re.compile(r"[*?\[]")
NO_DATABASE = ("?", "\\")
"""Characters that the path of a database must not have."""
TYPES = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.list_(pa.string()): "VARCHAR[]",
}
"""Types of DuckDB for the columns of a table of images."""


def quoted(text: object) -> str:
    """Return a text, such as a path, as a literal with its quotes."""
    return "'" + str(text).replace("'", "''") + "'"


def database_file(path: Path) -> Path:
    r"""Return the path of a database, if DuckDB can write there: it reads `?` as the start of options, `\` as a `/`.

    Raises:
        UserError: the path has such a character.
    """
    if wrong := [character for character in NO_DATABASE if character in str(path)]:
        raise UserError(f"No database can be in a folder with {wrong[0]} in its name ({path}). Choose another folder.")
    return path


def parquet(path: Path, *, numbered: bool = False) -> str:
    """Return a call that reads one Parquet file, whatever its path.

    Brackets, `*` and `?` would be a pattern, and `a=b` in a folder's name a column.

    Args:
        path: the file.
        numbered: whether the rows have a column `file_row_number`.
    """
    literal = quoted(GLOB.sub(r"[\g<0>]", str(path)))
    return f"read_parquet({literal}, hive_partitioning = false, file_row_number = {numbered})"


def images(path: Path | None) -> str:
    """Return a query of a table of images, or of one without rows. Columns that the table lacks are NULL.

    Raises:
        UserError: the table cannot be read, or a column is missing, of another type or empty in a row.
    """
    found = require_columns(path, IMAGE_SCHEMA, IMAGE_NEEDED) if path else pa.schema([])
    filled = {field.name for field in found if not pa.types.is_null(field.type)}
    columns = [f"{f.name if f.name in filled else 'NULL'}::{TYPES[f.type]} AS {f.name}" for f in IMAGE_SCHEMA]
    return f"SELECT {', '.join(columns)} " + (f"FROM {parquet(path)}" if path else "WHERE false")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors about the files of a data set into one line.

    Raises:
        UserError: the files cannot be read.
    """
    try:
        yield
    # Errors within a stream of batches come as pyarrow's, or as OSError without a number.
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if NO_SPACE in str(error) or getattr(error, "errno", None) is not None:
            raise
        text = str(error).strip().split("\n")[0][:200]
        raise UserError(f"{path} cannot be read ({text}). Run `pcult data check {path}`.") from error
