"""Migrations of the store's schema.

Each change of the schema is a new entry at the end of `MIGRATIONS`; existing entries stay as they are. A migration that
changes what a stage has written also raises the stage's format number.
"""

from collections.abc import Callable, Sequence
from importlib import resources
from typing import NamedTuple

import duckdb

Connection = duckdb.DuckDBPyConnection


class Migration(NamedTuple):
    """One change of the schema."""

    number: int
    """Position in the order, from 1."""
    change: str | Callable[[Connection], None]
    """SQL statements, or a function for what SQL cannot do."""


MIGRATIONS = (Migration(1, resources.files("factory.store").joinpath("schema.sql").read_text("utf-8")),)


def current(connection: Connection) -> int | None:
    """Return the number of the last applied migration: 0 in an empty database, None in one with other tables."""
    if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'meta'").fetchall():
        return 0
    rows = connection.execute("SELECT value FROM meta WHERE key = 'migration'").fetchall()
    return int(rows[0][0]) if rows else None


def upgrade(connection: Connection, number: int, migrations: Sequence[Migration]) -> None:
    """Apply the migrations after `number`. The caller holds the transaction."""
    for migration in migrations:
        if migration.number > number:
            if isinstance(migration.change, str):
                connection.execute(migration.change)
            else:
                migration.change(connection)
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('migration', ?)", [str(migration.number)])
