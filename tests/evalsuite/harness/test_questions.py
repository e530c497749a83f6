"""The choice of the rows that a run asks."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.data.source import DataSets
from evalsuite.harness.questions import Selection, load
from pangea_cultural.errors import UserError
from tests.evalsuite.benchmarks import made


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for make in (made.worldcuisines, made.cvqa, made.xgqa, made.merlin):
        make(folder)
    return folder


def chosen(data, name, *languages, max_questions=None):
    selection = Selection(languages=languages, max_questions=max_questions, seed=0)
    return load(PUBLISHED[name], DataSets(data), selection)


@pytest.mark.parametrize("name", ["worldcuisines", "worldcuisines_open"])
def test_languages_are_chosen_by_row_where_they_share_splits(data, name):
    questions = chosen(data, name, "ja")
    assert [item.row["lang"] for item in questions.items] == ["ja_casual", "ja_formal"] * 4
    assert list(questions.rows) == ["dish", "origin"]


def test_splits_of_other_languages_are_not_read(data):
    questions = chosen(data, "xgqa", "de")
    assert list(questions.rows) == ["de"]
    assert {item.language for item in questions.items} == {"de"}


def test_dropped_rows_are_those_of_the_asked_languages(data):
    assert chosen(data, "cvqa").dropped == chosen(data, "cvqa", "br").dropped == {"no label in the data": 1}
    assert chosen(data, "cvqa", "ig").dropped == {}
    assert sum(chosen(data, "merlin", "hi", "ja").dropped.values()) == 2


def test_answers_of_all_languages_are_accepted_also_in_a_part(data):
    benchmark = PUBLISHED["worldcuisines_open"]
    (first, *_) = chosen(data, "worldcuisines_open", "yo", max_questions=1).items
    score = benchmark.score(first.row, "The answer is a nan dish.")
    assert (score.reference, score.more) == (0, {"any language": 1})


@pytest.mark.parametrize("column", ["Options", "Label"])
def test_null_that_no_published_row_has_is_one_line(data, tmp_path, column):
    shutil.copytree(data / "afaji/cvqa", tmp_path / "afaji/cvqa")
    (file,) = tmp_path.rglob("*.parquet")
    table = pq.read_table(file)
    rows = [{**row, column: None} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    with pytest.raises(UserError, match=r"A row of all of afaji/cvqa has other values .*\(TypeError: "):
        chosen(tmp_path, "cvqa")


def test_unreadable_subset_of_cvqa_is_dropped():
    cvqa = PUBLISHED["cvqa"]
    for text in ("Igbo, Nigeria", "('Igbo',)", "None", "('Igbo'"):
        row = {"Subset": text, "Label": 0, "Options": ["a", "b"]}
        assert cvqa.drop(row) == "language and country are not readable"
        assert cvqa.language(row) == text
