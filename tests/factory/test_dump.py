"""The dump door: forms, compressions, broken lines, resuming."""

import bz2
import gzip

import orjson
import pytest
import zstandard

from factory.wikidata import dump
from pangea_cultural.errors import UserError

DOCUMENTS = [{"type": "item", "id": f"Q{n}", "labels": {"en": {"value": f"thing {n}"}}} for n in range(1, 6)]
ARRAY = b"[\n" + b",\n".join(orjson.dumps(d) for d in DOCUMENTS) + b"\n]\n"
JSON_LINES = b"\n".join(orjson.dumps(d) for d in DOCUMENTS)


@pytest.mark.parametrize("content", [ARRAY, JSON_LINES])
@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".json", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstandard.compress)],
)
def test_every_form_gives_the_same_documents(tmp_path, content, suffix, compress):
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(compress(content))
    assert [line.document for line in dump.lines(path)] == DOCUMENTS


def test_a_broken_line_is_reported_and_the_rest_is_read(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(b'[\n{"id": "Q1",\n' + orjson.dumps(DOCUMENTS[1]) + b"\n]")
    first, second = dump.lines(path)
    assert first.problem.startswith("broken line") and first.document is None
    assert second.document == DOCUMENTS[1]


def test_reading_goes_on_from_a_position(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(ARRAY)
    numbers = [line.number for line in dump.lines(path)]
    assert [line.document["id"] for line in dump.lines(path, start=numbers[2])] == ["Q4", "Q5"]


def test_only_wanted_documents_are_parsed(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(ARRAY)
    assert [line.document["id"] for line in dump.lines(path, only=frozenset({"Q2", "Q5"}))] == ["Q2", "Q5"]


def test_documents_with_another_key_order_are_not_missed(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(b'{"claims": {"P1": [{"id": "x"}]}, "id": "Q7"}\n{"labels": {}, "id": "Q8"}')
    assert next(dump.lines(path, only=frozenset({"Q7"}))).document["id"] == "Q7"


def test_a_cut_archive_is_an_error_that_says_so(tmp_path):
    path = tmp_path / "dump.json.gz"
    path.write_bytes(gzip.compress(ARRAY * 1000)[:500])
    with pytest.raises(UserError, match="broken or cut off"):
        list(dump.lines(path))
