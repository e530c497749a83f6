"""The reader of JSON files of any length."""

import json

import pytest

from pangea_cultural.dataset.sources import json_reader, reasons
from pangea_cultural.errors import UserError
from tests.helpers.source_rows import RecordedRead


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of a few characters, so that rows span several."""
    monkeypatch.setattr(json_reader, "MEBIBYTE", 7)
    monkeypatch.setattr(json_reader, "MAX_ROW_LENGTH", 300)


def read_items(path, content):
    path.write_bytes(content)
    read = RecordedRead()
    return [item for _, item in json_reader.items(path, read.callbacks)], read


@pytest.mark.parametrize("indent", [None, 2])
def test_array_elements_may_span_windows(small_windows, tmp_path, indent):
    rows = [{"a": "ü" * 30, "b": [1, {"c": "]},{"}]}, {}, 12345678, "x", []]
    items, read = read_items(tmp_path / "a.json", json.dumps(rows, indent=indent).encode())
    assert items == rows
    assert sum(read.steps) == json_reader.mebibytes(tmp_path / "a.json")


@pytest.mark.parametrize("length", range(1, 12))
def test_number_split_by_a_window_is_read_whole(monkeypatch, tmp_path, length):
    monkeypatch.setattr(json_reader, "MEBIBYTE", length)
    assert read_items(tmp_path / "a.json", b"[1234567890, 12]")[0] == [1234567890, 12]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \n"])
def test_first_character_decides_between_array_and_lines(tmp_path, start):
    assert read_items(tmp_path / "a", start + b'[{"a": 1}, {"a": 2}]')[0] == [{"a": 1}, {"a": 2}]
    assert read_items(tmp_path / "a", start + b'{"a": 1}\n\n{"a": 2}')[0] == [{"a": 1}, {"a": 2}]


def test_empty_array_and_empty_file_have_no_rows(tmp_path):
    assert read_items(tmp_path / "a", b"[ ]")[0] == read_items(tmp_path / "a", b"")[0] == []


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a": 1}',
        b'[{"a": 1},',
        b'[{"a": 1},]',
        b'[{"a": 1} {"a": 2}]',
        b'[{"a": 1}] [{"a": 2}]',
        b'[{"a": 1}, {"a": nope}]',
        b'[{"a": 1}, \xff]',
        b'[{"a": 1}, {"a": "' + b"x" * 1000 + b'"}]',
    ],
)
def test_broken_array_is_an_error_with_its_position(small_windows, tmp_path, content):
    with pytest.raises(UserError, match=r"a\.json: broken JSON after row 1"):
        read_items(tmp_path / "a.json", content)


def test_endless_nesting_is_an_error(tmp_path):
    with pytest.raises(UserError, match="broken JSON after row 1"):
        read_items(tmp_path / "a.json", b'[{"a": 1}, ' + b"[" * 100_000)


def test_broken_line_is_a_rejected_row(tmp_path):
    lines = [b'{"a": 1}', b'{"a": ', b"[" * 100_000, b'{"a": "\xff"}', b'{"a": 2}']
    items, read = read_items(tmp_path / "a.jsonl", b"\n".join(lines))
    assert items == [{"a": 1}, {"a": 2}]
    assert read.rejected.counts == {reasons.NOT_JSON: 3}
    assert read.rejected.examples == {reasons.NOT_JSON: ["row 2", "row 3", "row 4"]}


def test_endless_line_is_rejected_without_reading_it_whole(small_windows, tmp_path):
    items, read = read_items(tmp_path / "a.jsonl", b'{"a": "' + b"x" * 1000 + b'"}\n{"a": 2}')
    assert items == [{"a": 2}]
    assert set(read.rejected.counts) == {reasons.NOT_JSON}
