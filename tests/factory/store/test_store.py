"""The store's file: made whole, and refused where it is something else."""

import shutil
from pathlib import Path

import duckdb
import pytest

from factory.store.store import Rejection, Store
from pangea_cultural.errors import UserError

connect = duckdb.connect


def test_a_kill_while_the_store_is_made_leaves_none(tmp_path, monkeypatch):
    def killed(path, **options):
        """DuckDB makes the file before it writes to it."""
        Path(path).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(duckdb, "connect", killed)
    with pytest.raises(KeyboardInterrupt):
        Store.open(tmp_path / "store.duckdb")
    monkeypatch.undo()
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM entity") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["store.duckdb"]


def test_what_a_kill_has_left_of_a_store_is_removed_by_the_next_one_made(tmp_path):
    left, own = tmp_path / ".store.duckdb.a1b2c3d_", tmp_path / ".store.duckdb.bak"
    for folder in (left, own):
        folder.mkdir()
        (folder / "store.duckdb").touch()
    Store.open(tmp_path / "store.duckdb").connection.close()
    assert (left.exists(), own.exists()) == (False, True)


def test_a_store_is_the_other_processs_where_that_has_removed_this_ones(tmp_path, monkeypatch):
    def removed(source, target):
        connect(target).close()
        shutil.rmtree(source.parent)
        raise FileNotFoundError(source)

    monkeypatch.setattr("os.link", removed)
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM entity") == 0


def test_a_store_that_another_process_has_made_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    def late(path, **options):
        if path != tmp_path / "store.duckdb":
            with connect(tmp_path / "store.duckdb") as other:
                other.execute("CREATE TABLE others (id INTEGER)")
        return connect(path, **options)

    monkeypatch.setattr(duckdb, "connect", late)
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM others") == 0


def test_a_store_is_made_where_files_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM entity") == 0


@pytest.mark.parametrize("content", [b"", b"name,answer\n", bytes(20_000)])
def test_what_is_no_store_is_one_line_and_stays(tmp_path, content):
    path = tmp_path / "store.duckdb"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"store.duckdb is not a DuckDB store\. Move it away"):
        Store.open(path)
    assert path.read_bytes() == content


def test_rejections_are_recorded_one_by_one_many_at_once_and_by_query(tmp_path):
    with Store.open(tmp_path / "store.duckdb") as store:
        store.reject("images", "Q1", "no license")
        store.reject_all("images", [Rejection("Q2", "file too large", "21 MB"), Rejection("Q3", "no license", items=4)])
        store.reject_all("images", [])
        store.reject_selected("split", "held out", "SELECT l AS item, 7 AS items FROM unnest($l) t(l)", {"l": ["nl"]})
        store.reject_selected("split", "lost", "SELECT 'Q4' AS item")
        assert store.rows("SELECT * FROM rejection ORDER BY item") == [
            ("images", "Q1", "no license", "", 1),
            ("images", "Q2", "file too large", "21 MB", 1),
            ("images", "Q3", "no license", "", 4),
            ("split", "Q4", "lost", "", 1),
            ("split", "nl", "held out", "", 7),
        ]
