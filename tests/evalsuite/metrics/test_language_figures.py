"""Figures of a benchmark by language."""

import pytest

from evalsuite.metrics.language_figures import language_figures
from evalsuite.report import published


def answer(language, cluster, robust, *, reference=0.0, group="trained", more=()):
    return {
        "language": language,
        "group": group,
        "cluster": cluster,
        "reference": reference,
        "robust": robust,
        "parsed": True,
        "guessed": False,
        "chance": 0.25,
        "more": dict(more),
    }


def test_means_over_languages_weigh_them_equally_and_have_an_interval():
    answers = [answer("de", str(number), float(number < 6)) for number in range(12)]
    answers += [answer("fr", str(number), 1.0) for number in range(6)]
    rows = {row["languages"]: row for row in language_figures(answers)}
    mean = rows["trained"]
    assert mean["robust"]["mean"] == pytest.approx(0.75)
    assert mean["robust"]["low"] < 0.75 < mean["robust"]["high"]
    assert (mean["n"], mean["clusters"], mean["robust"]["n"]) == (18, 12, 18)
    assert rows["mul"]["robust"] == mean["robust"] and "held-out" not in rows
    assert rows["de"]["robust"]["mean"] == 0.5 and rows["fr"]["robust"]["low"] > 0.4


def test_answers_that_the_reference_cannot_score_are_missing():
    answers = [answer("de", str(number), 0.0, reference=None if number < 3 else 1.0) for number in range(8)]
    (row,) = language_figures(answers)
    assert (row["reference"]["n"], row["reference"]["missing"], row["reference"]["mean"]) == (5, 3, 1.0)
    assert published.cells(row)[2].startswith("100.0 [")


def test_graded_scores_and_other_metrics_have_intervals():
    answers = [answer("de", str(number), number / 20, more={"CIDEr": number / 2}) for number in range(20)]
    (row,) = language_figures(answers)
    assert row["robust"]["interval"] == row["more"]["CIDEr"]["interval"] == "bca"
    (more,) = published.more_rows({"figures": [row]})
    assert more["values"]["CIDEr"].startswith("475.0 [")
