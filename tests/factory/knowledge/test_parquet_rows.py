"""Parquet files: texts, numbers and dates are read, other columns and broken files are refused."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factory.knowledge.config import KnowledgeConfig
from factory.knowledge.errors import NOT_UTF8, RowError
from factory.knowledge.files import Files
from pangea_cultural.errors import UserError


def read(path):
    rows = Files([KnowledgeConfig(type="knowledge", path=path)]).rows()
    return [(row.place, row.cells.reason if isinstance(row.cells, RowError) else dict(row.cells)) for row in rows]


def write(path, **columns):
    pq.write_table(pa.table({"entity": ["a", None], "relation": ["since", "since"], **columns}), path)
    return path


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array(["1889", None]), ("1889", "")),
        (pa.array(["1889", None]).dictionary_encode(), ("1889", "")),
        (pa.array(["1889", None], pa.large_string()), ("1889", "")),
        (pa.array([1889, None]), ("1889", "")),
        (pa.array([1889.0, float("nan")]), ("1889", "")),
        (pa.array([0.5, 2]), ("0.5", "2")),
        (pa.array([0.1, 1889], pa.float32()), ("0.1", "1889")),
        (pa.array([datetime.date(1889, 3, 31), None]), ("1889-03-31", "")),
        (pa.array([datetime.date(1889, 3, 31), None], pa.date64()), ("1889-03-31", "")),
        (pa.array([2**30, None], pa.int32()).cast(pa.date32()), ("<value out of range: 1073741824>", "")),
        (pa.nulls(2), ("", "")),
    ],
)
def test_values_of_a_column_are_texts(tmp_path, values, texts):
    rows = read(write(tmp_path / "a.parquet", value=values))
    assert [row.get("value", "") for _, row in rows] == list(texts)
    assert [place for place, _ in rows] == ["a.parquet:1", "a.parquet:2"]


@pytest.mark.parametrize(
    "values", [pa.array([["x"], None]), pa.array([True, False]), pa.array([b"x", None]), pa.array([{"x": 1}, None])]
)
def test_a_column_without_text_is_refused(tmp_path, values):
    path = write(tmp_path / "a.parquet", value=values)
    with pytest.raises(UserError, match=r"the column value is .*, not text"):
        read(path)


def test_a_broken_file_is_a_one_line_error(tmp_path):
    path = write(tmp_path / "a.parquet", value=["x", "y"])
    for content in (
        b"",
        b"entity,relation\n",
        path.read_bytes()[:-40],
        path.read_bytes()[:60] + path.read_bytes()[90:],
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a readable Parquet file") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_texts_that_are_not_utf_8_are_rejected(tmp_path):
    raw = pa.array([b"d\xeda", b"x"]).view(pa.string())
    rows = read(write(tmp_path / "a.parquet", value=raw))
    assert [row if isinstance(row, str) else row["value"] for _, row in rows] == [NOT_UTF8, "x"]
