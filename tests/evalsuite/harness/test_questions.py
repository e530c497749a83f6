"""The choice of the rows that a run asks."""

import pytest

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.harness.questions import load
from tests.evalsuite.benchmarks import made


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    made.worldcuisines(folder)
    made.cvqa(folder)
    made.xgqa(folder)
    return folder


def chosen(data, name, *languages, max_questions=None):
    return load(PUBLISHED[name], data, languages=languages, max_questions=max_questions, seed=0)


@pytest.mark.parametrize("name", ["worldcuisines", "worldcuisines_open"])
def test_languages_are_chosen_by_row_where_they_share_splits(data, name):
    questions = chosen(data, name, "ja")
    assert [item.row["lang"] for item in questions.items] == ["ja_casual", "ja_formal"] * 4
    assert list(questions.rows) == ["dish", "origin"]


def test_splits_of_other_languages_are_not_read(data):
    questions = chosen(data, "xgqa", "de")
    assert list(questions.rows) == ["de"]
    assert {item.language for item in questions.items} == {"de"}
