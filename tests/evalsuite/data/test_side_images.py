"""Images in archives and files, and rows in files that name no splits."""

import io
import threading

import pytest
from PIL import Image

from evalsuite.data import files
from evalsuite.data.images import squeezed_bytes
from evalsuite.data.side_images import ImageFiles, open_finder
from evalsuite.data.source import DataSets, Source, Split
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.utils import images as limits
from tests.evalsuite.benchmarks.made import jpeg
from tests.evalsuite.benchmarks.made_files import archive

SOURCE = Source(repo="a/b")


def finder(data, **place):
    return open_finder(ImageFiles(source=SOURCE, paths=lambda row: row["paths"], **place), DataSets(data))


def test_images_of_an_archive_are_found_by_path_and_folder(tmp_path):
    archive(tmp_path / "a/b/data.zip", {"root/x/1.jpg": jpeg(1), "2.jpg": jpeg(2)})
    images = finder(tmp_path, archive="data.zip", folders=("root/", ""))
    assert images.of({"paths": ["./x/1.jpg", "2.jpg"]}) == [jpeg(1), jpeg(2)]
    assert images.of({"paths": []}) == [] and images.identity.startswith("sha256 ")


@pytest.mark.parametrize("path", ["3.jpg", "../2.jpg", "/2.jpg", "x/../2.jpg", ""])
def test_path_that_leaves_the_archive_finds_nothing(tmp_path, path):
    archive(tmp_path / "a/b/data.zip", {"2.jpg": jpeg(2)})
    with pytest.raises(ImageError, match=limits.MISSING):
        finder(tmp_path, archive="data.zip").of({"paths": [path]})


def test_image_over_the_limit_is_not_read(tmp_path, monkeypatch):
    archive(tmp_path / "a/b/data.zip", {"2.jpg": jpeg(2)})
    (tmp_path / "a/b/2.jpg").write_bytes(jpeg(2))
    monkeypatch.setattr("evalsuite.data.side_images.MAX_BYTES", 10)
    for place in ({"archive": "data.zip"}, {}):
        with pytest.raises(ImageError, match=limits.FILE_TOO_LARGE):
            finder(tmp_path, **place).of({"paths": ["2.jpg"]})


def test_broken_member_is_not_readable(tmp_path):
    archive(tmp_path / "a/b/data.zip", {"2.jpg": jpeg(2)})
    path = tmp_path / "a/b/data.zip"
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ImageError, match=limits.UNREADABLE):
        finder(tmp_path, archive="data.zip").of({"paths": ["2.jpg"]})


def test_threads_share_an_archive(tmp_path):
    archive(tmp_path / "a/b/data.zip", {f"{number}.jpg": jpeg(number) for number in range(20)})
    images = finder(tmp_path, archive="data.zip")
    wrong = []

    def read(number):
        if images.of({"paths": [f"{number}.jpg"]}) != [jpeg(number)]:
            wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_missing_archive_names_the_command(tmp_path):
    with pytest.raises(UserError, match=r"No file data.zip in .*a/b. Download it with `hf download .* a/b"):
        finder(tmp_path, archive="data.zip")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/data.zip").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"data\.zip is not a ZIP archive"):
        finder(tmp_path, archive="data.zip")


@pytest.mark.parametrize("path", ["lost.jpg", "../../secret.jpg", "/etc/passwd", "x/../../../secret.jpg"])
def test_files_outside_of_the_data_set_are_not_read(tmp_path, path):
    (tmp_path / "secret.jpg").write_bytes(jpeg(3))
    (tmp_path / "a/b/x").mkdir(parents=True)
    with pytest.raises(ImageError, match=limits.MISSING):
        finder(tmp_path).of({"paths": [path]})


def test_squeezed_image_has_the_size_without_its_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(squeezed_bytes(jpeg(4, size=(64, 32), exif=exif), (20, 20))))
    expected = Image.open(io.BytesIO(jpeg(4, size=(64, 32)))).convert("RGB").resize((20, 20))
    assert image.size == (20, 20) and image.tobytes() == expected.tobytes()


def rows_of(data, name, content, **split):
    path = data / "a/b" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return list(DataSets(data).open(SOURCE, Split(name="x", files=(name,), **split), {"q": "str"}).texts())


def test_tsv_has_texts_only(tmp_path):
    content = b'i\tq\n1\t"two\tlines\nand ""quotes"""\n2\tNA\n03\t\n'
    assert rows_of(tmp_path, "x.tsv", content) == [
        {"i": "1", "q": 'two\tlines\nand "quotes"'},
        {"i": "2", "q": "NA"},
        {"i": "03", "q": ""},
    ]


def test_json_rows_know_their_file_and_place(tmp_path):
    assert rows_of(tmp_path, "y/data.json", b'[{"q": "a"}, {"q": "b"}]') == [
        {"q": "a", "file": "y/data.json", "place": 0},
        {"q": "b", "file": "y/data.json", "place": 1},
    ]


def test_rows_of_an_archive_are_found_in_any_folder(tmp_path):
    archive(tmp_path / "z.zip", {"any/r.jsonl": b'{"q": "a"}\n\n{"q": "b"}\n'})
    rows = rows_of(tmp_path, "z.zip", (tmp_path / "z.zip").read_bytes(), member="r.jsonl")
    assert [row["q"] for row in rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "split"),
    [
        ("x.json", b'[{"q": "a"}', {}),
        ("x.json", b'[{"q": "a"}, {"q": [1]}]', {}),
        ("x.json", b"3", {}),
        ("x.zip", b"no archive", {"member": "r.jsonl"}),
        ("x.tsv", b"a\tq\n1\t2\t3\t4\n1\t2\t3\t4\t5\n", {}),
    ],
)
def test_broken_rows_are_one_line(tmp_path, name, content, split):
    with pytest.raises(UserError, match=r"^The rows of x of .*a/b are not readable \(.*\)\. Use the published f"):
        rows_of(tmp_path, name, content, **split)


def test_archive_without_the_rows_or_with_too_many_bytes_is_one_line(tmp_path, monkeypatch):
    archive(tmp_path / "z.zip", {"r.jsonl": b'{"q": "a"}'})
    content = (tmp_path / "z.zip").read_bytes()
    with pytest.raises(UserError, match=r"0 files of the name other\.jsonl"):
        rows_of(tmp_path, "z.zip", content, member="other.jsonl")
    monkeypatch.setattr(files, "MAX_JSON_BYTES", 3)
    with pytest.raises(UserError, match=r"r.jsonl has 10 bytes"):
        rows_of(tmp_path, "z.zip", content, member="r.jsonl")
