"""Dumps of any form, through the command line: no document is lost, and nothing passes as a success."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import orjson
import pytest
from backports import zstd

from factory.store.store import Store
from tests.helpers import world
from tests.helpers.world import item, labels

RECIPE = """
name = "trial"
languages = ["en", "de"]
[[images.sources]]
type = "folder"
path = "images.jsonl"
[[sources]]
type = "{type}"
path = "{path}"
"""
LONG_WINDOW = {zstd.CompressionParameter.window_log: 28, zstd.CompressionParameter.enable_long_distance_matching: 1}


def documents(first=920000, number=4):
    """Documents that are read and rejected, because they name no image."""
    for n in range(first, first + number):
        claims = {"P17": [item("Q114")], "P571": [world.year(1900)]}
        names = labels(en=f'Thing {n} "[{{', de="\\")
        yield {"type": "item", "id": f"Q{n}", "lastrevid": n, "labels": names, "descriptions": {}, "claims": claims}


ROWS = [orjson.dumps(document) for document in documents()]
LINES = b"[\n" + b",\n".join(ROWS) + b"\n]\n"
INDENTED = orjson.dumps([*documents()], option=orjson.OPT_INDENT_2)
LAYOUTS = {
    "lines": LINES,
    "json lines": b"\n".join(ROWS),
    "byte order mark": b"\xef\xbb\xbf" + b"\n".join(ROWS),
    "byte order mark in an array": b"\xef\xbb\xbf" + LINES,
    "windows line ends": LINES.replace(b"\n", b"\r\n"),
    "array in one line": b"[" + b",".join(ROWS) + b"]",
    "brackets beside documents": b"[" + b",\n".join(ROWS) + b"]",
    "last bracket beside a document": b"[\n" + b",\n".join(ROWS) + b"]",
    "commas before documents": b"[\n" + b"\n,".join(ROWS) + b"\n]",
    "documents without separators": b"".join(ROWS),
    "two documents in a line": b"\n".join(ROWS[n] + b" " + ROWS[n + 1] for n in (0, 2)),
    "indented array": INDENTED,
    "indented documents": b"\n".join(orjson.dumps(d, option=orjson.OPT_INDENT_2) for d in documents()),
    "answer of the API": orjson.dumps({"entities": {d["id"]: d for d in documents()}, "success": 1}),
    "indented answer": orjson.dumps({"entities": {d["id"]: d for d in documents()}}, option=orjson.OPT_INDENT_2),
    "blank lines": b"\n\n" + b"\n\n".join(ROWS),
}
COMPRESSIONS = {
    "gzip": gzip.compress,
    "gzip members": lambda text: b"".join(gzip.compress(text[n : n + 400]) for n in range(0, len(text), 400)),
    "bzip2": bz2.compress,
    "zstd": zstd.compress,
    "zstd with a long window": lambda text: zstd.compress(text, options=LONG_WINDOW),
    "zstd frames": lambda text: zstd.compress(text[:300]) + zstd.compress(text[300:]),
    "xz": lzma.compress,
    "xz streams": lambda text: lzma.compress(text[:300]) + lzma.compress(text[300:]),
}


def write(folder, content, *, name="dump.json", source_type="dump"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    (folder / "images.jsonl").write_text("")
    (folder / "recipe.toml").write_text(RECIPE.format(type=source_type, path=name))
    return folder / "recipe.toml"


def read(recipe, workspace):
    """Build up to `select`, and return the number of documents and the rejections."""
    world.build(recipe, workspace, "--stage", "select")
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        inputs = store.value("SELECT inputs FROM stage WHERE name = 'select'")
        rows = store.rows("SELECT item, reason, detail FROM rejection, range(items) WHERE unit = '' ORDER BY item")
    return inputs, rows


@pytest.mark.parametrize("source_type", ["dump", "files"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_documents_of_every_layout_are_read(tmp_path, layout, source_type):
    inputs, rejections = read(write(tmp_path / "in", LAYOUTS[layout], source_type=source_type), tmp_path / "out")
    assert inputs == 4
    assert [(entity, reason) for entity, reason, _ in rejections] == [
        (f"Q{n}", "no image named") for n in range(920000, 920004)
    ]


@pytest.mark.parametrize("name", ["plain_name", "dump.json", "dump.json.bz2"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compression_is_told_by_content(tmp_path, compression, name):
    content = COMPRESSIONS[compression](LINES)
    assert read(write(tmp_path / "in", content, name=name), tmp_path / "out")[0] == 4


def tar(content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("dump.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def zipped(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("dump.json", content)
    return stream.getvalue()


# Names, because pytest makes ids of bytes, and the bytes of gzip hold the time: two processes would not agree on them.
NO_DUMPS = {
    "nothing": (b"", "is empty. Download it again"),
    "gzip of nothing": (gzip.compress(b""), "has no content. Download it again"),
    "zip": (zipped(LINES), "is a ZIP archive, not JSON. Name a JSON dump"),
    "gzip of tar": (gzip.compress(tar(LINES)), "is a tar archive, not JSON"),
    "UTF-16": (LINES.decode().encode("utf-16"), "is UTF-16 text, not JSON"),
    "HTML": (b"<!DOCTYPE html>\n<title>404</title>", "is HTML or XML, not JSON"),
    "truncated gzip": (gzip.compress(LINES)[:-30], "is broken or truncated"),
    "truncated xz": (lzma.compress(LINES)[:-30], "is broken or truncated"),
    "truncated bzip2": (bz2.compress(LINES)[:-30], "is broken or truncated"),
    "truncated zstd": (zstd.compress(LINES)[:-30], "is broken or truncated"),
}


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize("form", NO_DUMPS)
def test_a_file_that_is_no_dump_is_refused_in_one_line(tmp_path, form, options):
    content, message = NO_DUMPS[form]
    recipe = write(tmp_path / "in", content)
    assert message in world.error_of("build", recipe, "--workspace", tmp_path / "out", "--quiet", *options)


@pytest.mark.parametrize("content", [b"[\n]\n", b"[]", b'{"entities": {}}', b"\n"])
def test_a_build_of_no_documents_is_an_error(tmp_path, content):
    recipe = write(tmp_path / "in", content)
    for _ in range(2):
        error = world.error_of("build", recipe, "--workspace", tmp_path / "out", "--quiet")
        assert "No document in dump.json. Check the recipe's sources and regions." in error


@pytest.mark.parametrize(
    "content",
    [
        b'Q42\t"{}"\t2025-01-01\n' * 5,
        b'{"title": "no entity"}\n' * 5,
        b"\\N\n" * 5,
    ],
)
@pytest.mark.parametrize("source_type", ["dump", "files"])
def test_a_file_of_other_data_is_an_error(tmp_path, content, source_type):
    recipe = write(tmp_path / "in", content, source_type=source_type)
    error = world.error_of("build", recipe, "--workspace", tmp_path / "out", "--quiet")
    assert "None of the 5 documents is one of Wikidata (" in error


@pytest.mark.parametrize("source_type", ["dump", "files"])
@pytest.mark.parametrize(
    "changes",
    [{"claims": []}, {"claims": {"P17": ["value", 17]}}, {"labels": []}, {"claims": {"P17": [["value", 17, "x", {}]]}}],
)
def test_documents_of_old_dumps_are_read_or_counted(tmp_path, changes, source_type):
    rows = [*documents()]
    del rows[0]["claims"]
    rows[1] |= changes
    inputs, rejections = read(
        write(tmp_path / "in", b"\n".join(map(orjson.dumps, rows)), source_type=source_type), tmp_path / "out"
    )
    assert inputs == 4 and len(rejections) == 4


def test_text_that_is_no_document_is_counted_in_every_layout(tmp_path):
    content = b"[" + ROWS[0] + b" oops " + ROWS[1] + b",[1]," + ROWS[2][:-40]
    inputs, rejections = read(write(tmp_path / "in", content), tmp_path / "out")
    assert inputs == 5
    assert sorted(reason for _, reason, _ in rejections) == [
        "broken line",
        "broken line",
        "no image named",
        "no image named",
        "not an entity document",
    ]


def test_a_broken_line_has_its_offset_in_the_detail(tmp_path):
    content = b"\n".join([ROWS[0], b'{"id": "Q1", "labels": {"en": nul}}', b'{"id": "Q2", "claims": tru}', ROWS[1]])
    rejections = read(write(tmp_path / "in", content), tmp_path / "out")[1]
    broken = [(entity, detail) for entity, reason, detail in rejections if reason == "broken line"]
    assert [entity for entity, _ in broken] == ["line 2", "line 3"] and all(detail for _, detail in broken)


@pytest.mark.parametrize("source_type", ["dump", "files"])
@pytest.mark.parametrize("levels", [300, 2000, 100_000])
def test_nested_json_is_read_or_counted(tmp_path, source_type, levels):
    deep = b'{"type":"item","id":"Q1","x":' + b"[" * levels + b"]" * levels + b"}"
    content = b"[\n" + deep + b",\n" + ROWS[0] + b"\n]"
    inputs, rejections = read(write(tmp_path / "in", content, source_type=source_type), tmp_path / "out")
    assert inputs == len(rejections) == 2
    reasons = {entity: reason for entity, reason, _ in rejections}
    assert reasons.pop("Q920000") == "no image named"
    assert levels == 300 or [*reasons.values()] == ["broken line"]


def test_sources_with_equal_names_are_read_each(tmp_path):
    folders = ["a", "b", "c/a", "."]
    for n, folder in enumerate(folders):
        (tmp_path / folder).mkdir(exist_ok=True, parents=True)
        rows = [orjson.dumps(document) for document in documents(1000 * (n + 1), 5)]
        name = "dump.json" if folder != "." else "dump.json (1)"
        (tmp_path / folder / name).write_bytes(b"\n".join(rows))
    recipe = write(tmp_path, b"", name="unused")
    paths = ["a/dump.json", "b/dump.json", "c/a/dump.json", "dump.json (1)", "a/dump.json"]
    sources = "".join(f'[[sources]]\ntype = "dump"\npath = "{path}"\n' for path in paths)
    recipe.write_text(RECIPE.partition("[[sources]]")[0] + sources)
    inputs, rejections = read(recipe, tmp_path / "out")
    assert inputs == 25
    assert len({entity for entity, *_ in rejections}) == 20
    with Store.open(tmp_path / "out/store.duckdb", read_only=True) as store:
        places = store.rows("SELECT inputs FROM stage WHERE name LIKE 'select %'")
    assert places == [(5,)] * 5
