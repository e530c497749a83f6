"""Corpora on disk: groups, filters, caching and atomic writes."""

import multiprocessing
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangea_cultural.dataset.sources.reasons import NOT_JSON
from pangea_cultural.dataset.sources.rejections import ReadReport
from pangea_cultural.dataset.sources.types import Conversation, SourceRow
from pangea_cultural.errors import UserError
from pangea_cultural.training.data import corpus_writer, reasons
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.corpus_writer import CorpusSpec, Filters
from pangea_cultural.training.data.types import Group


def row(id, *images, language="en", region="", question_type="open", caption=""):
    turns = ((f"Q {id}?", f"A {id}"), ("And?", ""))
    return SourceRow(Conversation(id, language, turns, region, question_type), images, caption)


ROWS = [
    row("a", "1.png", language="de", region="japan"),
    row("b"),
    row("c", "2.png", caption="two"),
    row("d", "1.png", question_type="choice", caption="first"),
    row("e", "1.png", "2.png", question_type="chat"),
    row("f", "1.png", region="france", caption="one"),
    row("g"),
    row("h", "1.png", "2.png"),
]
GROUPS = ["adf", "b", "c", "e", "g", "h"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Several record batches from a few rows."""
    monkeypatch.setattr("pangea_cultural.training.data.corpus_writer.BATCH_ROWS", 3)
    monkeypatch.setattr("pangea_cultural.training.data.corpus.BATCH_ROWS", 3)


def spec(**fields):
    return CorpusSpec(**{"key": "k", "name": "data.json", "source": 2, "image_root": Path("/images")} | fields)


def build(folder, rows=ROWS, report=None, **fields):
    return Corpus.build(rows, folder, spec(**fields), report)


def ids(corpus):
    return ["".join(one.id for one in corpus.group(index).conversations) for index in range(corpus.num_groups)]


def test_rows_with_the_same_single_image_form_a_group(tmp_path):
    corpus = build(tmp_path / "c")
    assert ids(corpus) == GROUPS
    assert corpus.num_conversations == len(ROWS)
    assert corpus.sizes.tolist() == [3, 1, 1, 1, 1, 1]
    assert corpus.starts.tolist() == [0, 3, 4, 5, 6, 7, 8]
    assert (corpus.sizes.dtype, corpus.starts.dtype, corpus.language_codes.dtype) == (np.int32, np.int64, np.int16)


def test_many_rows_of_a_group_keep_their_order(tmp_path):
    corpus = build(tmp_path / "c", [row(f"{n} ", f"{n % 2}.png") for n in range(500)])
    assert ids(corpus) == ["".join(f"{n} " for n in range(start, 500, 2)) for start in range(2)]


def test_group_contains_its_rows(tmp_path):
    corpus = build(tmp_path / "c")
    of = {row.conversation.id: row.conversation for row in ROWS}
    assert corpus.group(0) == Group(2, (Path("/images/1.png"),), (of["a"], of["d"], of["f"]), "one")
    assert corpus.group(1) == Group(2, (), (of["b"],))
    assert corpus.group(3) == Group(2, (Path("/images/1.png"), Path("/images/2.png")), (of["e"],))
    assert corpus.images(3) == ("1.png", "2.png")


def test_group_returns_picked_conversations(tmp_path):
    corpus = build(tmp_path / "c")
    assert [one.id for one in corpus.group(0, [2, 0]).conversations] == ["f", "a"]
    with pytest.raises(IndexError):
        corpus.group(0, [3])


def test_codes_and_texts_are_in_group_order(tmp_path):
    corpus = build(tmp_path / "c")
    order = "".join(GROUPS)
    of = {row.conversation.id: row.conversation for row in ROWS}
    assert [corpus.languages[code] for code in corpus.language_codes] == [of[id].language for id in order]
    assert [corpus.regions[code] for code in corpus.region_codes] == [of[id].region for id in order]
    assert [corpus.question_types[code] for code in corpus.question_type_codes] == [
        of[id].question_type for id in order
    ]
    assert corpus.texts(1, 5) == [of[id].turns for id in order[1:5]]


@pytest.mark.parametrize(
    ("filters", "left", "reason"),
    [
        (Filters(languages=frozenset({"de", "fr"})), ["a"], reasons.EXCLUDED_LANGUAGE),
        (Filters(regions=frozenset({"japan", "france"})), ["af"], reasons.EXCLUDED_REGION),
        (Filters(question_types=frozenset({"choice"})), ["d"], reasons.EXCLUDED_QUESTION_TYPE),
    ],
)
def test_filtered_rows_are_counted(tmp_path, filters, left, reason):
    report = ReadReport()
    report.rejected.add(NOT_JSON, "row 9")
    corpus = build(tmp_path / "c", filters=filters, report=report)
    assert ids(corpus) == left
    assert corpus.rejected == {NOT_JSON: 1, reason: len(ROWS) - len(left[0])}
    assert len(corpus.examples[reason]) == 5
    assert corpus.group(0).caption == "one", "captions of rejected rows stay"


def test_row_in_a_held_out_language_is_an_error_and_leaves_no_files(tmp_path):
    with pytest.raises(UserError, match=r"data\.json: row a is in the held-out language de\. Remove"):
        build(tmp_path / "c", held_out_languages=frozenset({"de"}))
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    wanted = Filters(languages=frozenset({"en"}))
    assert build(tmp_path / "c", held_out_languages=frozenset({"de"}), filters=wanted).languages == ("en",)


def test_captions_in_a_held_out_language_are_not_kept(tmp_path):
    corpus = build(tmp_path / "c", held_out_languages=frozenset({"en"}), filters=Filters(languages=frozenset({"de"})))
    assert ids(corpus) == ["a"] and corpus.group(0).caption == ""


def test_equal_rows_give_equal_bytes(tmp_path):
    build(tmp_path / "one")
    build(tmp_path / "two")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 10
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_corpus_may_be_empty(tmp_path):
    corpus = build(tmp_path / "c", [])
    assert (corpus.num_groups, corpus.num_conversations, corpus.texts(0, 0)) == (0, 0, [])


def test_open_requires_a_complete_corpus_with_the_key(tmp_path):
    assert Corpus.open(tmp_path / "c", spec()) is None
    build(tmp_path / "c")
    assert ids(Corpus.open(tmp_path / "c", spec())) == GROUPS
    assert Corpus.open(tmp_path / "c", spec(key="another")) is None


def test_open_rejects_another_format(tmp_path, monkeypatch):
    build(tmp_path / "c")
    monkeypatch.setattr("pangea_cultural.training.data.corpus.FORMAT", corpus_writer.FORMAT + 1)
    assert Corpus.open(tmp_path / "c", spec()) is None


def test_interrupted_build_starts_over(tmp_path):
    def interrupted():
        yield from ROWS[:4]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "c", interrupted())
    partial = tmp_path / ".c.partial"
    partial.mkdir()
    (partial / "rows.arrow").write_bytes(b"of a killed build")
    assert Corpus.open(tmp_path / "c", spec()) is None
    assert ids(build(tmp_path / "c")) == GROUPS
    assert not partial.exists()


def test_corpus_with_another_key_is_replaced(tmp_path):
    build(tmp_path / "c")
    assert ids(build(tmp_path / "c", ROWS[:1], key="new")) == ["a"]
    assert Corpus.open(tmp_path / "c", spec()) is None


def test_second_simultaneous_build_waits_and_reads_nothing(tmp_path):
    started, resume = threading.Event(), threading.Event()

    def slowly():
        started.set()
        resume.wait(10)
        yield from ROWS

    def never():
        pytest.fail("rows were read although the corpus exists")
        yield

    built = []
    first = threading.Thread(target=lambda: built.append(build(tmp_path / "c", slowly())))
    second = threading.Thread(target=lambda: built.append(build(tmp_path / "c", never())))
    first.start()
    started.wait(10)
    second.start()
    resume.set()
    first.join()
    second.join()
    assert [ids(corpus) for corpus in built] == [GROUPS, GROUPS]


def test_pickled_corpus_is_small_and_equal(tmp_path):
    corpus = build(tmp_path / "c", [row(str(n), f"{n}.png") for n in range(1000)])
    before = corpus.group(7)
    pickled = pickle.dumps(corpus)
    assert len(pickled) < 1000
    assert pickle.loads(pickled).group(7) == before


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_processes_read_the_corpus(tmp_path):
    corpus = build(tmp_path / "c")
    before = [corpus.group(index) for index in range(corpus.num_groups)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(corpus.group, range(corpus.num_groups)) == before


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("xyz"), max_size=2), st.sampled_from(["de", "en", "fr"]), st.booleans()),
        max_size=12,
    )
)
def test_groups_equal_those_of_a_dictionary(tmp_path_factory, drawn):
    rows = [
        row(str(n), *images, language=language, caption=f"caption {n}" if captioned else "")
        for n, (images, language, captioned) in enumerate(drawn)
    ]
    expected, captions = {}, {}
    for n, one in enumerate(rows):
        if one.conversation.language != "fr":
            expected.setdefault(one.images if len(one.images) == 1 else n, []).append(one)
        if one.caption and len(one.images) == 1:
            captions[one.images] = one.caption
    wanted = Filters(languages=frozenset({"de", "en"}))
    corpus = build(tmp_path_factory.mktemp("c") / "c", rows, filters=wanted)
    groups = [corpus.group(index) for index in range(corpus.num_groups)]
    assert [group.conversations for group in groups] == [
        tuple(one.conversation for one in group) for group in expected.values()
    ]
    assert [corpus.images(index) for index in range(corpus.num_groups)] == [g[0].images for g in expected.values()]
    assert [group.caption for group in groups] == [captions.get(g[0].images, "") for g in expected.values()]
