"""Rows of a Parquet file, in batches. Numbers and dates are read as texts; columns of other types are refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from factory.knowledge.columns import places
from pangea_cultural.errors import UserError

BATCH_ROWS = 10_000


def read(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a file: the number from 1, and the texts of the known columns.

    Raises:
        UserError: the file cannot be read, is not Parquet, or a column has a type without a text.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = {name: schema.names[place] for name, place in places(schema.names, path).items()}
            for name, column in names.items():
                _require_text(schema.field(column).type, name, path)
            number = 0
            for batch in file.iter_batches(BATCH_ROWS, columns=list(names.values())):
                columns = {name: _texts(batch[column]) for name, column in names.items()}
                for row in zip(*columns.values(), strict=True):
                    number += 1
                    yield number, dict(zip(columns, row, strict=True))
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not a readable Parquet file ({reason}). Write it again.") from error


def _require_text(type: pa.DataType, name: str, path: Path) -> None:
    if pa.types.is_dictionary(type):
        type = type.value_type
    kinds = pa.types
    checks = (kinds.is_string, kinds.is_large_string, kinds.is_string_view, kinds.is_null)
    numbers = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_date)
    if not any(check(type) for check in (*checks, *numbers)):
        raise UserError(f"{path}: the column {name} is {type}, not text. Write it as text.")


def _texts(column: pa.Array) -> list[str]:
    """Return a column as texts. What is not UTF-8 becomes surrogates, as in CSV files."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        raw = column.cast(pa.large_binary()).to_pylist()
        return ["" if value is None else value.decode("utf-8", "surrogateescape") for value in raw]
    if pa.types.is_date(column.type):
        column = column.cast(pa.string())  # Python has no dates after 9999
    elif pa.types.is_floating(column.type) and column.type != pa.float64():
        column = column.cast(pa.string()).cast(pa.float64())  # 0.1, not 0.10000000149011612
    return [_text(value) for value in column.to_pylist()]


def _text(value: Any) -> str:
    """Return a number or date as a text: 1889 for 1889.0, as a column of years with a gap has it."""
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
