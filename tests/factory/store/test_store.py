"""The store's file and its rejections."""

import shutil
from pathlib import Path

import duckdb
import pytest

from factory.store.store import Rejection, Store
from pangea_cultural.errors import UserError

connect = duckdb.connect


def test_an_interrupted_creation_leaves_no_store(tmp_path, monkeypatch):
    def killed(path, **options):
        """DuckDB creates the file before it writes to it."""
        Path(path).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(duckdb, "connect", killed)
    with pytest.raises(KeyboardInterrupt):
        Store.open(tmp_path / "store.duckdb")
    monkeypatch.undo()
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM entity") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["store.duckdb"]


def test_creation_removes_what_interrupted_ones_left(tmp_path):
    leftover, users = tmp_path / ".store.duckdb.a1b2c3d_", tmp_path / ".store.duckdb.bak"
    for folder in (leftover, users):
        folder.mkdir()
        (folder / "store.duckdb").touch()
    Store.open(tmp_path / "store.duckdb").connection.close()
    assert (leftover.exists(), users.exists()) == (False, True)


def test_creation_opens_the_store_of_a_process_that_removed_this_ones_file(tmp_path, monkeypatch):
    def removed(source, target):
        connect(target).close()
        shutil.rmtree(source.parent)
        raise FileNotFoundError(source)

    monkeypatch.setattr("os.link", removed)
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM entity") == 0


def test_creation_does_not_replace_the_store_of_another_process(tmp_path, monkeypatch):
    def late(path, **options):
        if path != tmp_path / "store.duckdb":
            with connect(tmp_path / "store.duckdb") as other:
                other.execute("CREATE TABLE others (id INTEGER)")
        return connect(path, **options)

    monkeypatch.setattr(duckdb, "connect", late)
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM others") == 0


def test_creation_succeeds_without_hard_links(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.value("SELECT count(*) FROM entity") == 0


@pytest.mark.parametrize("content", [b"", b"name,answer\n", bytes(20_000)])
def test_a_file_that_is_not_a_store_is_refused_and_left_alone(tmp_path, content):
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
        assert store.rows("SELECT * EXCLUDE (unit) FROM rejection ORDER BY item") == [
            ("images", "Q1", "no license", "", 1),
            ("images", "Q2", "file too large", "21 MB", 1),
            ("images", "Q3", "no license", "", 4),
            ("split", "Q4", "lost", "", 1),
            ("split", "nl", "held out", "", 7),
        ]


@pytest.mark.parametrize("name", ["what?", "back\\slash"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_that_no_database_can_be_in_is_refused(tmp_path, name, read_only):
    (tmp_path / name).mkdir()
    path = tmp_path / name / "store.duckdb"
    if read_only:
        path.touch()
    with pytest.raises(UserError, match="Choose another folder"):
        Store.open(path, read_only=read_only)
    assert list(path.parent.iterdir()) == [path] * read_only


@pytest.mark.parametrize("name", ["#%*'\" \n é日[a]{b};$x ", " a=b,c"])
def test_a_store_in_a_folder_of_any_other_name_keeps_its_rows(tmp_path, name):
    path = tmp_path / name / "store.duckdb"
    path.parent.mkdir()
    for _ in range(2):
        with Store.open(path) as store, store.transaction():
            store.reject("select", "Q1", "a reason")
    with Store.open(path, read_only=True) as store:
        assert store.value("SELECT count(*) FROM rejection") == 2


def test_temporary_data_of_a_killed_build_is_removed(tmp_path):
    path = tmp_path / "store.duckdb"
    with Store.open(path) as store:
        left = [store.scratch / "rows", tmp_path / "store.duckdb.tmp/duckdb_temp_1_0_owner"]
    for file in left:
        file.parent.mkdir()
        file.touch()
    Store.open(path, read_only=True).connection.close()
    assert all(file.exists() for file in left)
    Store.open(path).connection.close()
    assert [*tmp_path.iterdir()] == [path]
