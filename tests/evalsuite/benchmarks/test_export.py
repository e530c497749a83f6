"""The benchmark over an export: its questions and its blind images."""

from collections import Counter

import pytest

from evalsuite.benchmarks import export as benchmark
from pangea_cultural.errors import UserError


def benchmark_items(export, split="test", languages=("en", "de", "nl"), max_questions=64, seed=0):
    return benchmark.items(export, split, languages, max_questions=max_questions, seed=seed)


def test_each_question_has_both_conditions(export):
    conditions = Counter(item.question.id for item in benchmark_items(export))
    assert conditions and set(conditions.values()) == {2}


def test_blind_image_shows_another_entity_with_another_answer(export):
    entity_of = {row.image: row.entity for row in export.questions("test")}
    names = {}
    for row in export.questions("test"):
        names.setdefault((row.language, row.entity, row.property), set()).update(row.answers)
    for item in benchmark_items(export):
        shown = entity_of[str(item.image.relative_to(export.path))]
        row = item.question
        assert (shown == row.entity) == (item.condition == "image")
        if item.condition == "blind":
            assert not names[row.language, shown, row.property] & set(row.answers)


def test_sample_is_evenly_spread_over_properties(export):
    rows = [row for row in export.questions("test") if row.language == "en" and row.question_type == "open"]
    chosen = benchmark.sample_by_property(rows, 4, seed=0)
    assert Counter(row.property for row in chosen) == {"P17": 2, "label": 2}
    assert benchmark.sample_by_property(rows, 4, seed=0) == chosen != benchmark.sample_by_property(rows, 4, seed=1)
    assert len(benchmark.sample_by_property(rows, 1000, seed=0)) == len(rows)


def test_larger_limit_extends_the_sample(export):
    few, many = ({item.question.id for item in benchmark_items(export, max_questions=n)} for n in (2, 4))
    assert few < many


def test_items_reject_split_without_questions(export):
    with pytest.raises(UserError, match=r"split test of .* has no questions with images in fr"):
        benchmark_items(export, languages=["fr"])


def test_trained_answers_are_those_of_the_given_languages(export):
    assert benchmark.trained_answers(export, ["de"]) == {"Peru", "Tschad", "Fidschi", "Togo", "Kuba"}
    assert benchmark.trained_answers(export, ["nl"]) == set()
