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


ADD_LIMITS_AND_LIFE = """
ALTER TABLE claim ADD COLUMN qualified VARCHAR DEFAULT '';
ALTER TABLE claim ALTER COLUMN qualified SET NOT NULL;
ALTER TABLE unselected_claim ADD COLUMN qualified VARCHAR DEFAULT '';
ALTER TABLE unselected_entity ADD COLUMN structure VARCHAR DEFAULT '';
ALTER TABLE entity ADD COLUMN life VARCHAR DEFAULT '';
ALTER TABLE entity ALTER COLUMN life SET NOT NULL;
"""
"""Qualifiers that limit a claim, claims that tell what a value is, and whether a person lives."""

ADD_HELD_OUT = """
-- Perceptual hash and hues of an image: 32 bytes each.
CREATE TABLE image_signature (image VARCHAR NOT NULL, hash BLOB NOT NULL, colors BLOB NOT NULL);
-- Part: region, type, share, or related if it shares an image with another one.
CREATE TABLE held_out_entity (entity VARCHAR NOT NULL, part VARCHAR NOT NULL);
-- Questions of train whose answer is the name of a held-out entity.
CREATE TABLE held_out_answer (item INTEGER NOT NULL, variant INTEGER NOT NULL);
-- Questions that a recipe drops on purpose, with the reason.
CREATE TABLE dropped_question (item INTEGER NOT NULL, variant INTEGER NOT NULL, reason VARCHAR NOT NULL);
"""

ADD_REFERENCED = """
-- Whether a reference of a time or quantity names a source.
ALTER TABLE claim ADD COLUMN referenced BOOLEAN DEFAULT false;
ALTER TABLE claim ALTER COLUMN referenced SET NOT NULL;
ALTER TABLE unselected_claim ADD COLUMN referenced BOOLEAN DEFAULT false;
"""

ADD_STATEMENT = """
-- Rows of own knowledge that are used: where each statement, name and image is from.
CREATE TABLE statement (
    entity VARCHAR NOT NULL,
    property VARCHAR NOT NULL,            -- name, P18 for an image, or the property
    value VARCHAR NOT NULL,               -- as in the table claim; '' for a name
    language VARCHAR NOT NULL,            -- label code of the text
    text VARCHAR NOT NULL,                -- of a name, or of a value that is a text
    file VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    author VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    license VARCHAR NOT NULL,
    license_code VARCHAR NOT NULL         -- name in licenses.toml; '' if not listed
);
"""

QUESTION = resources.files("factory.store").joinpath("question_view.sql").read_text("utf-8")
"""Query of the view `template_question`. A change needs a further migration that makes the view again."""
REFINED_QUESTION = resources.files("factory.store").joinpath("refined_view.sql").read_text("utf-8")
"""Query of the view `question`: rewritten texts in place of those that were accepted."""

MIGRATIONS = (
    Migration(1, resources.files("factory.store").joinpath("schema.sql").read_text("utf-8")),
    # '' for a unit of the stage's input, otherwise the part of one that is dropped: claim, slice, file, name, fact.
    Migration(2, "ALTER TABLE rejection ADD COLUMN unit VARCHAR DEFAULT ''"),
    # What the text of a time says (day, month, year, decade, century), `quantity`, or '' for a name.
    Migration(3, "ALTER TABLE value_text ADD COLUMN form VARCHAR DEFAULT ''"),
    Migration(4, ADD_LIMITS_AND_LIFE),
    # Of the file in the workspace, to find damaged ones.
    Migration(5, "ALTER TABLE image ADD COLUMN size_bytes BIGINT DEFAULT 0"),
    # Ids whose documents a lookup source was asked for, to resume an interrupted run.
    Migration(6, "CREATE TABLE read_document (source VARCHAR NOT NULL, entity VARCHAR NOT NULL)"),
    # Questions by number. They are made again.
    Migration(7, resources.files("factory.store").joinpath("question_table.sql").read_text("utf-8")),
    # Further right names of values.
    Migration(8, resources.files("factory.store").joinpath("other_name_table.sql").read_text("utf-8")),
    Migration(9, ADD_HELD_OUT),
    Migration(10, f"CREATE VIEW template_question AS {QUESTION}"),
    Migration(11, resources.files("factory.store").joinpath("relevance_tables.sql").read_text("utf-8")),
    # Rewritten texts.
    Migration(12, resources.files("factory.store").joinpath("refinement.sql").read_text("utf-8")),
    Migration(13, f"CREATE VIEW question AS {REFINED_QUESTION}"),
    # Title of the file in the claim, which differs from that of a renamed file.
    Migration(14, "ALTER TABLE entity_image ADD COLUMN title VARCHAR DEFAULT ''"),
    Migration(15, ADD_REFERENCED),
    Migration(16, ADD_STATEMENT),
)


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
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('migration', ?)", [str(migrations[-1].number)])
