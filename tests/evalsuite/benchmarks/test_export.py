"""The benchmark over an export: its questions and its controls."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.benchmarks import export as benchmark
from pangea_cultural.errors import UserError

ALL = ["image", "blind", "gray", "text"]
WITHOUT_BLIND = ["image", "gray", "text"]


def benchmark_items(export, split="test", languages=("en", "de", "nl"), max_questions=64, seed=0):
    gray = Path("gray.png")
    return benchmark.items(export, split, languages, max_questions=max_questions, seed=seed, gray=gray)


def test_each_question_has_all_conditions(export):
    conditions = defaultdict(list)
    for item in benchmark_items(export):
        conditions[item.question.id].append(item.condition)
    # Three options are the names of other entities, so only one image shares no option.
    assert conditions and all(found in (ALL, WITHOUT_BLIND) for found in conditions.values())
    assert sum(found == ALL for found in conditions.values()) > len(conditions) / 2


def test_blind_image_shows_an_entity_none_of_whose_answers_is_right_or_an_option(export):
    entity_of = {row.image: row.entity for row in export.questions("test")}
    names = defaultdict(set)
    for row in export.questions("test"):
        names[row.language, row.entity, row.property].update(row.answers)
    blind = [item for item in benchmark_items(export) if item.condition == "blind"]
    assert {item.question.question_type for item in blind} == {"choice", "open"}
    for item in blind:
        row = item.question
        shown = entity_of[str(item.image.relative_to(export.path))]
        assert shown != row.entity and shown == item.shown_entity
        assert not names[row.language, shown, row.property] & {*row.answers, *row.choices}


def test_other_conditions_show_the_own_image_a_gray_one_and_none(export):
    for item in benchmark_items(export):
        own = export.image_file(item.question.image)
        shown = {"image": own, "gray": Path("gray.png"), "text": None}
        assert item.condition == "blind" or item.image == shown[item.condition]


def question(export, **changes):
    row = next(row for row in export.questions("test") if row.question_type == "choice" and row.language == "en")
    return replace(row, **changes)


def test_most_frequent_answer_is_that_of_the_same_property_and_language(export):
    rows = [question(export, answer=answer) for answer in ("Chad", "Chad", "Peru")]
    rows += [question(export, answer=answer, property="label") for answer in ("Fiji",) * 3]
    rows += [question(export, answer=answer, entity_type="city") for answer in ("Peru",) * 9]
    frequent = benchmark.FrequentAnswers(rows)
    asked = question(export, choices=("Fiji", "Peru", "Chad", "Togo"))
    assert frequent.guess(asked) == "Chad"
    assert frequent.guess(replace(asked, choices=())) == "Chad"
    assert frequent.guess(replace(asked, entity_type="river")) == "Peru"
    assert frequent.guess(replace(asked, language="nl", choices=("Fiji", "Peru", "Tsjaad"))) == "Peru"


def test_without_training_rows_no_option_is_more_frequent(export):
    frequent = benchmark.FrequentAnswers([])
    asked = [question(export, id=str(number), choices=tuple("abcd")) for number in range(200)]
    guesses = Counter(frequent.guess(row) for row in asked)
    assert set(guesses) == set("abcd") and max(guesses.values()) < 80
    assert frequent.guess(question(export, choices=())) == ""


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


def test_answers_of_rows_are_their_strings(export):
    german = [row for row in export.questions("train") if row.language == "de"]
    assert benchmark.answers_of(german) == {"Peru", "Tschad", "Fidschi", "Togo", "Kuba"}
