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


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"title": "A.jpg"}, "entry without `file` or `title`"),
        ({"file": "a.jpg"}, "entry without `file` or `title`"),
        (ROW | {"file": "../a.jpg"}, "outside the list's folder"),
        (ROW | {"file": "/etc/passwd"}, "outside the list's folder"),
    ],
)
def test_wrong_entry_is_a_one_line_error(listing, row, message):
    with pytest.raises(UserError, match=message) as caught:
        FolderSource(listing(row))
    assert "\n" not in str(caught.value)


def test_broken_list_is_a_one_line_error(tmp_path):
    path = tmp_path / "images.jsonl"
    path.write_bytes(b'{"file": ')
    with pytest.raises(UserError, match="neither JSON nor JSON Lines"):
        FolderSource(path)
