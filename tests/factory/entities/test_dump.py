"""The dump source: forms, compressions, broken lines, resuming."""

import bz2
import gzip
import shutil

import orjson
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.entities.sources import decompress, dump
from pangea_cultural.errors import UserError

DOCUMENTS = [
    {"type": "item", "id": f"Q{n}", "labels": {"en": {"value": f"thing {n}"}}, "descriptions": {}} for n in range(1, 6)
]
READ = [{key: value for key, value in row.items() if key != "descriptions"} for row in DOCUMENTS]
"""What is read of them."""
ARRAY = b"[\n" + b",\n".join(orjson.dumps(d) for d in DOCUMENTS) + b"\n]\n"
JSON_LINES = b"\n".join(orjson.dumps(d) for d in DOCUMENTS)


def everything(_):
    return True


def lines(path, wanted=everything, **options):
    return [dump.parse(*line, (), ("en",)) for batch in dump.batches(path, wanted, **options) for line in batch.lines]


@pytest.mark.parametrize("content", [ARRAY, JSON_LINES])
@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".json", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd.compress)],
)
def test_every_form_gives_the_same_documents(tmp_path, content, suffix, compress):
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(compress(content))
    assert [line.document for line in lines(path)] == READ


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".json", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd.compress)],
)
def test_how_far_the_file_has_been_read_is_known_at_every_batch(tmp_path, monkeypatch, suffix, compress):
    monkeypatch.setattr(dump, "BATCH_LINES", 2)
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(compress(ARRAY))
    reached = [batch.bytes_read for batch in dump.batches(path, everything)]
    assert reached == sorted(reached) and reached[-1] == path.stat().st_size


def test_a_broken_line_is_reported_and_the_rest_is_read(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(b'[\n{"id": "Q1",\n' + orjson.dumps(DOCUMENTS[1]) + b"\n]")
    first, second = lines(path)
    assert first.problem.startswith("broken line") and first.document is None
    assert second.document == READ[1]


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


def test_unwanted_entries_leave_no_trace_however_they_are_written():
    line = b'{"id": "Q1", "labels": {"de": 1, "e\\u006e": 2, "fr": [3], "en": 4}, "claims": {"P1": [], "P2": []}}'
    assert dump.parse(1, line, ("P2",), ("en",)).document == {"id": "Q1", "labels": {"en": 4}, "claims": {"P2": []}}


def test_reading_goes_on_from_a_position(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(ARRAY)
    numbers = [line.number for line in lines(path)]
    assert [line.document["id"] for line in lines(path, start=numbers[2])] == ["Q4", "Q5"]


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd.compress)]
)
def test_a_cut_archive_is_an_error_that_says_so(tmp_path, suffix, compress):
    path = tmp_path / f"dump.json{suffix}"
    whole = compress(ARRAY * 1000)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="broken or truncated"):
        lines(path)


@pytest.mark.parametrize("program", ["lbzip2", None])
def test_bzip2_is_read_with_and_without_lbzip2(tmp_path, monkeypatch, program):
    if program and not shutil.which(program):
        pytest.skip("no lbzip2 on this machine")
    monkeypatch.setattr(decompress.shutil, "which", lambda _: program)
    path = tmp_path / "dump.json.bz2"
    path.write_bytes(bz2.compress(ARRAY) + bz2.compress(ARRAY))  # several streams, as dumps have them
    assert [line.document for line in lines(path)] == READ * 2


def test_a_line_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(dump, "MAX_LINE_BYTES", 1000)
    path = tmp_path / "dump.json"
    path.write_bytes(b"x" * 5000 + b"\n" + JSON_LINES)
    first, *others = lines(path)
    assert first.problem == "broken line: too long"
    assert [line.document for line in others] == READ


def test_lines_that_cannot_matter_are_counted_not_parsed(tmp_path):
    path = tmp_path / "dump.json"
    path.write_bytes(ARRAY)
    (batch,) = dump.batches(path, lambda text: b'"Q3"' in text)
    assert [names.id for names in batch.skipped] == ["Q1", "Q2", "Q4", "Q5"]
    assert (len(batch.lines), batch.last) == (1, 6)


@pytest.mark.parametrize("api", [False, True])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=st.dictionaries(st.sampled_from(["en", "de", "mul"]), st.text(max_size=9)),
    more=st.text(max_size=20),
    revision=st.one_of(st.none(), st.integers(1, 10**12)),
)
def test_the_names_of_what_is_passed_over_are_those_of_its_document(tmp_path, api, labels, more, revision):
    """Whatever its texts hold, also what looks like keys; in the order of dumps and in that of the API."""
    content = {code: {"language": code, "value": text} for code, text in labels.items()}
    head = {"type": "item", "id": "Q7", "labels": content}
    tail = {"descriptions": {"en": {"language": "en", "value": f'{more},"descriptions":'}}, "claims": {"P1": [more]}}
    known = {} if revision is None else {"lastrevid": revision}
    document = {"pageid": 1, **known, **head, **tail} if api else {**head, **tail, "sitelinks": {}, **known}
    path = tmp_path / "dump.json"
    path.write_bytes(orjson.dumps(document))
    (batch,) = dump.batches(path, lambda _: False)
    (names,) = batch.skipped
    assert (names.id, names.revision, orjson.loads(names.labels)) == ("Q7", revision, content)


def test_what_looks_broken_is_let_through_to_be_rejected_by_name(tmp_path):
    path = tmp_path / "dump.json"
    sound = b'{"type":"item","id":"Q2","labels":{},"descriptions":{}}'
    path.write_bytes(b"\n".join([b'{"type":"property","id":"P31"}', b'{"type":"item","id":"Q1",', sound]))
    (batch,) = dump.batches(path, lambda _: False)
    assert [number for number, _ in batch.lines] == [1, 2]


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="Cannot read the dump"):
        lines(tmp_path / "none.json.gz")
