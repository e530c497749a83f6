"""Rows of DuckDB as dictionaries."""

from typing import Any

import duckdb

Row = dict[str, Any]


def records(result: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the rows of an executed query by column."""
    columns = [column[0] for column in result.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
