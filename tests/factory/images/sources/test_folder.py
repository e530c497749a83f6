import os

import orjson
import pytest

from factory.images.sources.folder import FolderSource
from pangea_cultural.errors import ImageError, UserError

ROW = {"file": "a.jpg", "title": "File:castle_A.jpg", "author": "A", "license": "CC0", "categories": ["Castles"]}


@pytest.fixture
def listing(tmp_path):
    """Return a function that writes the list of a folder with the image a.jpg."""
    (tmp_path / "a.jpg").write_bytes(b"content")

    def write(*rows, as_array=False):
        path = tmp_path / "images.jsonl"
        path.write_bytes(orjson.dumps(rows) if as_array else b"\n".join(map(orjson.dumps, rows)))
        return path

    return write


@pytest.mark.parametrize("as_array", [True, False])
def test_list_is_json_or_json_lines(listing, as_array):
    source = FolderSource(listing(ROW, ROW | {"file": "missing.jpg", "title": "B.jpg"}, as_array=as_array))
    infos = source.metadata(["Castle A.jpg", "B.jpg", "C.jpg"])
    assert list(infos) == ["Castle A.jpg"], "files that are missing in the folder are left out"
    info = infos["Castle A.jpg"]
    assert (info.title, info.attribution.author, info.attribution.license) == ("Castle A.jpg", "A", "CC0")
    assert info.attribution.source == "a.jpg", "the default is the path"
    assert list(source.fetch([info])) == [(info, b"content")]


def test_commons_title_replaces_a_missing_title(listing):
    row = {"file": "a.jpg", "commons_title": "Castle A.jpg"}
    assert FolderSource(listing(row)).metadata(["castle_A.jpg"])["castle_A.jpg"].title == "Castle A.jpg"


def test_categories_are_in_list_order_up_to_the_limit(listing):
    rows = [ROW | {"title": f"{n}.jpg"} for n in range(3)]
    found = FolderSource(listing(*rows)).in_categories(["Castles", "Towers"], 2)
    assert {name: [info.title for info in infos] for name, infos in found.items()} == {
        "Castles": ["0.jpg", "1.jpg"],
        "Towers": [],
    }


def test_file_that_cannot_be_read_has_a_reason(listing, tmp_path):
    source = FolderSource(listing(ROW))
    infos = list(source.metadata(["Castle A.jpg"]).values())
    (tmp_path / "a.jpg").unlink()
    ((_, problem),) = source.fetch(infos)
    assert isinstance(problem, ImageError) and problem.reason == "file cannot be read"


BAD = "not a valid row of the list"


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (1, BAD, "no JSON object"),
        ("text", BAD, "no JSON object"),
        (None, BAD, "no JSON object"),
        ({"file": "a.jpg"}, BAD, "no `title` that can name a file"),
        ({"file": "a.jpg", "tilte": "A.jpg"}, BAD, "it may be `title`"),
        (ROW | {"title": 5}, BAD, "`title` is not a text"),
        (ROW | {"title": "a|b.jpg"}, BAD, "no `title` that can name a file"),
        (ROW | {"title": "Other.jpg"}, "named twice in the list", "Other.jpg"),
    ],
)
def test_entry_without_a_title_of_its_own_is_a_problem_of_the_list(listing, row, reason, detail):
    source = FolderSource(listing(ROW | {"title": "Other.jpg"}, row))
    ((name, problem),) = source.row_problems()
    assert (name, problem.reason) == ("images.jsonl:2", reason) and detail in problem.detail
    assert list(source.metadata(["Other.jpg"])) == ["Other.jpg"]


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"title": "Castle A.jpg"}, BAD, "no `file`"),
        (ROW | {"file": 5}, BAD, "`file` is not a text"),
        (ROW | {"file": "a.jpg\0"}, BAD, "`file` is not a text"),
        (ROW | {"file": "../a.jpg"}, "file outside the list's folder", "../a.jpg"),
        (ROW | {"file": "/etc/passwd"}, "file outside the list's folder", "/etc/passwd"),
        (ROW | {"license": {"id": "CC0"}}, BAD, "`license` is not a text"),
        (ROW | {"author": ["A", "B"]}, BAD, "`author` is not a text"),
        (ROW | {"categories": "Things"}, BAD, "`categories` is not a list of texts"),
        (ROW | {"categories": [1]}, BAD, "`categories` is not a list of texts"),
        (ROW | {"authr": "A"}, BAD, "`authr` is unknown; it may be `author`"),
        (ROW | {"licens": "CC0"}, BAD, "`licens` is unknown; it may be `license`"),
    ],
)
def test_wrong_entry_is_refused_under_its_title(listing, row, reason, detail):
    source = FolderSource(listing(row))
    info = source.metadata(["Castle A.jpg"])["Castle A.jpg"]
    assert info.refused.reason == reason and info.refused.detail == f"images.jsonl:1: {detail}"
    assert list(source.fetch([info])) == [(info, info.refused)]
    assert source.row_problems() == []


def test_unknown_keys_that_resemble_no_known_one_are_ignored(listing):
    source = FolderSource(listing(ROW | {"views": 2, "camera": "x"}))
    assert source.metadata(["Castle A.jpg"])["Castle A.jpg"].refused is None


def test_one_broken_line_is_a_problem_of_the_list(listing):
    path = listing(ROW)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b'\n{"file": ')
    source = FolderSource(path)
    assert [name for name, _ in source.row_problems()] == ["images.jsonl:2"]
    assert source.metadata(["Castle A.jpg"])["Castle A.jpg"].refused is None


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "pipe", "folder"])
def test_what_is_no_file_is_left_out(listing, tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert FolderSource(listing(ROW | {"file": name})).metadata(["Castle A.jpg"]) == {}


def test_huge_file_is_not_read(listing, tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(1 << 40)
    source = FolderSource(listing(ROW))
    ((_, problem),) = source.fetch(list(source.metadata(["Castle A.jpg"]).values()))
    assert problem.reason == "file too large"


def test_broken_list_is_a_one_line_error(tmp_path):
    path = tmp_path / "images.jsonl"
    path.write_bytes(b'{"file": ')
    with pytest.raises(UserError, match="neither JSON nor JSON Lines"):
        FolderSource(path)
