"""Dump source: formats, compressions, broken lines, resuming."""

import bz2
import gzip

import orjson
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.entities.sources import dump
from pangea_cultural.errors import UserError

DOCUMENTS = [
    {"type": "item", "id": f"Q{n}", "labels": {"en": {"value": f"thing {n}"}}, "descriptions": {}} for n in range(1, 6)
]
PARSED = [{key: value for key, value in row.items() if key != "descriptions"} for row in DOCUMENTS]
"""The part of the documents that is read."""
ARRAY = b"[\n" + b",\n".join(orjson.dumps(d) for d in DOCUMENTS) + b"\n]\n"
JSON_LINES = b"\n".join(orjson.dumps(d) for d in DOCUMENTS)
COMPRESSIONS = [(".json", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd.compress)]


def every_line(_):
    return True


def lines(path, is_candidate=every_line, **options):
    batches = dump.batches(path, is_candidate, **options)
    return [dump.parse(*line, (), ("en",)) for batch in batches for line in batch.lines]


@pytest.mark.parametrize("content", [ARRAY, JSON_LINES])
@pytest.mark.parametrize(("suffix", "compress"), COMPRESSIONS)
def test_documents_are_equal_in_every_format(tmp_path, content, suffix, compress):
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(compress(content))
    assert [line.document for line in lines(path)] == PARSED


@pytest.mark.parametrize(("suffix", "compress"), COMPRESSIONS)
def test_batches_have_the_position_in_the_file(tmp_path, monkeypatch, suffix, compress):
    monkeypatch.setattr(dump, "BATCH_LINES", 2)
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(compress(ARRAY))
    positions = [batch.bytes_read for batch in dump.batches(path, every_line)]
    assert positions == sorted(positions) and positions[-1] == path.stat().st_size


def test_broken_line_is_reported_and_the_rest_is_read(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(b'[\n{"id": "Q1",\n' + orjson.dumps(DOCUMENTS[1]) + b"\n]")
    first, second = lines(path)
    assert first.problem.startswith("broken line") and first.document is None
    assert second.document == PARSED[1]


@pytest.mark.parametrize(
    "line",
    [
        b'{"id": "Q1", "\xff": 1}',
        b'{"id": "Q1", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"id": "Q1", "labels": {"x": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
        b'{"id": "Q1", "labels": {"de": nul}}',
    ],
)
def test_hostile_lines_are_broken_lines(line):
    assert dump.parse(1, line, (), ("en",)).problem.startswith("broken line")


def test_reading_resumes_at_a_position(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(ARRAY)
    numbers = [line.number for line in lines(path)]
    assert [line.document["id"] for line in lines(path, start=numbers[2])] == ["Q4", "Q5"]


def test_truncated_archive_is_an_error(tmp_path):
    path = tmp_path / "dump.json.gz"
    content = gzip.compress(ARRAY * 1000)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="broken or truncated"):
        lines(path)


def test_endless_line_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(dump, "MAX_LINE_BYTES", 1000)
    path = tmp_path / "dump.json"
    path.write_bytes(b"x" * 5000 + b"\n" + JSON_LINES)
    first, *others = lines(path)
    assert (first.problem, first.detail) == ("broken line", "more than 64 MiB")
    assert [line.document for line in others] == PARSED


def test_other_documents_are_skipped_without_parsing(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(ARRAY)
    (batch,) = dump.batches(path, lambda text: b'"Q3"' in text)
    assert [entity.id for entity in batch.skipped] == ["Q1", "Q2", "Q4", "Q5"]
    assert (len(batch.lines), batch.last) == (1, 6)


@pytest.mark.parametrize("api", [False, True])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=st.dictionaries(st.sampled_from(["en", "de", "mul"]), st.text(max_size=9)),
    more=st.text(max_size=20),
    revision=st.one_of(st.none(), st.integers(1, 10**12)),
)
def test_skipped_entity_has_the_names_of_its_document(tmp_path, api, labels, more, revision):
    """Check any texts, such as copies of keys, in the key order of dumps and of the API."""
    content = {code: {"language": code, "value": text} for code, text in labels.items()}
    head = {"type": "item", "id": "Q7", "labels": content}
    tail = {"descriptions": {"en": {"language": "en", "value": f'{more},"descriptions":'}}, "claims": {"P1": [more]}}
    version = {} if revision is None else {"lastrevid": revision}
    document = {"pageid": 1, **version, **head, **tail} if api else {**head, **tail, "sitelinks": {}, **version}
    path = tmp_path / "dump.json"
    path.write_bytes(orjson.dumps(document))
    (batch,) = dump.batches(path, lambda _: False)
    (entity,) = batch.skipped
    assert (entity.id, entity.revision, orjson.loads(entity.labels)) == ("Q7", revision, content)


def test_lines_that_look_broken_are_parsed_to_be_rejected(tmp_path):
    path = tmp_path / "dump.json"
    item = b'{"type":"item","id":"Q2","labels":{},"descriptions":{}}'
    path.write_bytes(b"\n".join([b'{"type":"property","id":"P31"}', b'{"type":"item","id":"Q1",', item]))
    (batch,) = dump.batches(path, lambda _: False)
    assert [number for number, _ in batch.lines] == [1, 2]
