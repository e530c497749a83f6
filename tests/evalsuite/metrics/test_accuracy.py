"""Accuracies and intervals of small sets of answers."""

import pytest

from evalsuite.metrics.accuracy import accuracies, clusters, find
from evalsuite.report import terminal as tables


def answer(
    correct, *, condition="image", language="en", image="a", shared=True, question_type="choice", entity=None, id="q"
):
    return {
        "id": id,
        "split": "test",
        "question_type": question_type,
        "language": language,
        "condition": condition,
        "correct": correct,
        "image": image,
        "entity": entity or image,
        "shared": shared,
    }


def test_images_of_an_entity_are_one_cluster_in_all_languages():
    rows = [
        answer(True, image="a", entity="Q1"),
        answer(True, image="b", entity="Q1", language="nl"),
        answer(True, image="c", entity="Q2"),
        answer(True, image="c", entity="Q2", language="nl"),
    ]
    assert clusters(rows) == [0, 0, 1, 1]
    row = find(accuracies(rows, ["en", "nl"]), language="*", question_type="choice")
    assert (row["image"]["n"], row["image"]["clusters"]) == (4, 2)


def test_blind_questions_are_clustered_by_the_image_that_they_show():
    shown = [answer(True, image="a", entity="Q1"), answer(True, image="b", entity="Q1"), answer(True, image="c")]
    blind = [
        answer(False, condition="blind", image="c", entity="Q1"),
        answer(False, condition="blind", image="a", entity="Q2"),
        answer(False, condition="blind", image="b", entity="Q3"),
        answer(False, condition="blind", image="not asked about", entity="Q3"),
    ]
    assert clusters([*shown, *blind]) == [0, 0, 1, 1, 0, 0, 2]
    blind[-1]["shown_entity"] = "Q1"
    assert clusters([*shown, *blind]) == [0, 0, 1, 1, 0, 0, 0], "an image of an entity that is asked about otherwise"


@pytest.mark.parametrize(("correct", "text"), [(True, "100.0 [71.2, 100.0]"), (False, "0.0 [0.0, 28.8]")])
def test_accuracies_of_0_and_100_percent_have_an_interval(correct, text):
    rows = accuracies([answer(correct, image=str(number)) for number in range(12)], ["en"])
    # t with 11 degrees of freedom is 2.201; its square is 4.844; 4.844 / (12 + 4.844) is 0.288.
    assert tables.percent(rows[0]["image"]) == text


def test_gain_in_few_clusters_is_not_shown():
    rows = [
        answer(name == "image" and number < 4, condition=name, id=str(number), image=image, entity=str(number))
        for number in range(24)
        for name, image in (("image", str(number)), ("text", ""))
    ]
    (row, _) = accuracies(rows, ["en"])
    # The sign-flip test of four clusters has the p-value 2 / 2 ** 4.
    assert row["strongest"]["gain"] == 4 / 24 and row["strongest"]["low"] < 0
    assert not tables.is_shown(row)


def test_one_cluster_has_no_interval():
    (row, _) = accuracies([answer(True), answer(False)], ["en"])
    assert (row["image"]["low"], row["image"]["high"], row["image"]["clusters"]) == (None, None, 1)
    assert tables.percent(row["image"]) == "50.0"
    assert tables.percent(row["blind"]) == "-"


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


def test_languages_of_an_unknown_training_are_one_group_without_subsets():
    rows = accuracies([answer(True), answer(False, language="nl", image="b", shared=False)], trained=[])
    assert [(row["group"], row["language"], row["subset"]) for row in rows] == [
        ("unknown", "en", "all"),
        ("unknown", "nl", "all"),
        ("unknown", "*", "all"),
    ]
    names = [row["cells"][0] for row in tables.rows({"figures": rows}, "test", "choice")]
    assert names == ["English", "Dutch", "all languages"]


def test_strongest_control_is_the_one_with_the_highest_accuracy_on_the_same_questions():
    right = {
        "image": [1, 1, 1, 0],
        "blind": [0, 0],
        "gray": [0, 0, 0, 1],
        "text": [1, 1, 0, 0],
        "frequent": [0, 1, 0, 0],
        "words": [0, 0, 0, 0],
    }
    rows = accuracies(
        [
            answer(bool(value), condition=condition, image=str(number), id=str(number))
            for condition, values in right.items()
            for number, value in enumerate(values)
        ],
        ["en"],
    )
    row = find(rows, question_type="choice", language="*")
    assert {name: row[name]["accuracy"] for name in right} == {
        **{"image": 0.75, "blind": 0, "gray": 0.25},
        **{"text": 0.5, "frequent": 0.25, "words": 0},
    }
    strongest = row["strongest"]
    assert (strongest["control"], strongest["n"], strongest["gain"]) == ("text", 4, 0.25)
    assert strongest["low"] < 0.25 < strongest["high"]
    gain, control = tables.gain(row)
    assert gain.startswith("+25.0 [") and control == "no image" and not tables.is_shown(row)
    cells = next(row["cells"] for row in tables.rows({"figures": rows}, "test", "choice"))
    assert cells[1:] == ["4", cells[2], "-", "0.0 (of 2)", "25.0", "50.0", "25.0", "0.0", gain, "no image"]
    assert cells[2].startswith("75.0 [")


def test_gain_is_shown_if_its_interval_is_above_zero_and_never_without_a_control():
    answers = [answer(True, image=str(number), id=str(number)) for number in range(20)]
    controls = [
        answer(number < 4, condition="gray", image="", entity=str(number), id=str(number)) for number in range(20)
    ]
    (row, _) = accuracies([*answers, *controls], ["en"])
    assert row["gray"]["clusters"] == 20, "gray images do not unite answers"
    assert tables.is_shown(row)
    (row, _) = accuracies(answers, ["en"])
    assert row["strongest"] is None and not tables.is_shown(row)
    assert tables.gain(row) == ("-", "-")


def test_tables_print_controls_next_to_accuracies():
    rows = accuracies(
        [answer(True), answer(False, condition="blind"), answer(True, language="nl", shared=False)], ["en"]
    )
    results = {"figures": rows, "splits": ["test"], "model": "m"}
    names = [row["cells"][0] for row in tables.rows(results, "test", "choice")]
    assert names[:2] == ["English, trained", "all trained"]
    assert "Dutch, held out" in names and "  novel answer" in names
    choice, exact = tables.summary(results)
    assert "4-way choice of m" in str(choice.title) and "exact match of m" in str(exact.title)
    assert [column.header for column in choice.columns] == [
        *("language", "questions", "image", "by sum", "other image", "gray image", "no image", "most frequent"),
        *("text guesser", "gain", "over"),
    ]
