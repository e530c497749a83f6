"""Migrations: an older store is upgraded as a whole or not at all, a newer one is refused."""

import re

import duckdb
import pytest

from factory.store import migrations
from factory.store.migrations import Migration
from factory.store.store import Store
from pangea_cultural.errors import UserError

NOW = len(migrations.MIGRATIONS)
ADD_COLUMN = Migration(NOW + 1, "ALTER TABLE slice ADD COLUMN seconds DOUBLE; UPDATE slice SET seconds = 0;")


@pytest.fixture
def path(tmp_path):
    """Path of a store of today with one row."""
    with Store.open(tmp_path / "store.duckdb") as store:
        store.execute("INSERT INTO slice VALUES ('sparql', 'japan', 'done')")
    return tmp_path / "store.duckdb"


def add(monkeypatch, *more):
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *more))


def number(path):
    with duckdb.connect(path, read_only=True) as connection:
        return migrations.current(connection)


def test_migrations_are_numbered_from_one():
    assert [row.number for row in migrations.MIGRATIONS] == list(range(1, len(migrations.MIGRATIONS) + 1))


def test_an_older_store_is_upgraded_and_keeps_its_rows(path, monkeypatch):
    def rename(connection):
        connection.execute("UPDATE slice SET slice = upper(slice)")

    add(monkeypatch, ADD_COLUMN, Migration(NOW + 2, rename))
    for _ in range(2):
        with Store.open(path) as store:
            assert store.rows("SELECT * FROM slice") == [("sparql", "JAPAN", "done", 0.0)]
    assert number(path) == NOW + 2


def test_a_new_store_gets_all_migrations(tmp_path, monkeypatch):
    add(monkeypatch, ADD_COLUMN)
    with Store.open(tmp_path / "new.duckdb") as store:
        assert store.rows("SELECT seconds FROM slice") == []
    assert number(tmp_path / "new.duckdb") == NOW + 1


def test_an_interrupted_upgrade_changes_nothing(path, monkeypatch):
    def interrupt(connection):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        add(patch, ADD_COLUMN, Migration(NOW + 2, interrupt))
        with pytest.raises(KeyboardInterrupt):
            Store.open(path)
    assert number(path) == NOW
    with Store.open(path) as store:
        assert store.rows("SELECT * FROM slice") == [("sparql", "japan", "done")]


def test_an_older_store_is_not_upgraded_for_reading(path, monkeypatch):
    add(monkeypatch, ADD_COLUMN)
    with pytest.raises(
        UserError, match=re.escape(f"has format {NOW}, older than {NOW + 1}. Run `pcult build RECIPE` first.")
    ):
        Store.open(path, read_only=True)
    assert number(path) == NOW


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_store_is_refused(path, monkeypatch, read_only):
    with monkeypatch.context() as patch:
        add(patch, ADD_COLUMN)
        Store.open(path).connection.close()
    with pytest.raises(
        UserError, match=rf"has format {NOW + 1}, newer than {NOW}\. Install a newer pangea-cultural\.$"
    ):
        Store.open(path, read_only=read_only)
    assert number(path) == NOW + 1


def test_a_store_without_a_number_is_refused(path):
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE meta SET key = 'schema'")
    with pytest.raises(UserError, match="is from an unsupported version"):
        Store.open(path)
