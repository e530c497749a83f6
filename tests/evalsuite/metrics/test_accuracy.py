"""Accuracies and standard errors of small sets of answers."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.metrics.accuracy import accuracies, find
from evalsuite.metrics.standard_error import clustered_stderr, mean
from evalsuite.report import terminal as tables


def answer(correct, *, condition="image", language="en", image="a", shared=True, question_type="choice"):
    return {
        "split": "test",
        "question_type": question_type,
        "language": language,
        "condition": condition,
        "correct": correct,
        "image": image,
        "shared": shared,
    }


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=60))
def test_stderr_of_single_value_clusters_is_the_ordinary_one(values):
    expected = statistics.stdev(values) / math.sqrt(len(values))
    assert clustered_stderr(values, range(len(values))) == pytest.approx(expected)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=30), st.integers(2, 5))
def test_repeated_values_in_a_cluster_keep_the_stderr(values, times):
    repeated = [value for value in values for _ in range(times)]
    clusters = [i for i in range(len(values)) for _ in range(times)]
    alone = clustered_stderr(values, range(len(values)))
    assert clustered_stderr(repeated, clusters) == pytest.approx(alone)


def test_stderr_needs_two_clusters():
    assert mean([]) is None
    assert clustered_stderr([], []) is None
    assert clustered_stderr([1.0, 0.0], ["a", "a"]) is None


def test_every_accuracy_has_its_controls():
    rows = accuracies(
        [
            *[answer(True, image=str(n)) for n in range(3)],
            answer(False, image="3"),
            *[answer(n == 0, condition="blind", image=str(n)) for n in range(4)],
            answer(True, language="nl", shared=True),
            answer(False, language="nl", shared=False),
            answer(False, language="nl", shared=False, image="b"),
        ],
        trained=["en"],
    )
    group = find(rows, split="test", question_type="choice", group="trained", language="*", subset="all")
    assert (group["image"]["accuracy"], group["blind"]["accuracy"], group["chance"]) == (0.75, 0.25, 0.25)
    held = {
        subset: find(rows, split="test", question_type="choice", group="held-out", language="nl", subset=subset)[
            "image"
        ]
        for subset in ("all", "shared", "novel")
    }
    assert [held[s]["n"] for s in held] == [3, 1, 2]
    assert [held[s]["accuracy"] for s in held] == [pytest.approx(1 / 3), 1.0, 0.0]
    assert find(rows, split="test", question_type="choice", group="trained", language="en", subset="novel") is None
    assert find(rows, split="test", question_type="open", group="trained", language="en", subset="all") is None


def test_tables_print_controls_next_to_accuracies():
    rows = accuracies(
        [answer(True), answer(False, condition="blind"), answer(True, language="nl", shared=False)], ["en"]
    )
    results = {"figures": rows, "splits": ["test"], "model": "m"}
    names = [row["cells"][0] for row in tables.rows(results, "test")]
    assert names[:2] == ["English, trained", "all trained"]
    assert "Dutch, held out" in names and "  novel answer" in names
    (table,) = tables.summary(results)
    assert [column.header.strip() for column in table.columns] == [
        "language",
        "questions",
        "4-way choice",
        "blind",
        "exact match",
        "blind",
    ]
