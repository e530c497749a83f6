"""The regression of answers, compared with statsmodels', and the claim of transfer."""

import numpy as np
import pytest
from scipy.special import expit, logit

from evalsuite.statistics.clusters import numbered
from evalsuite.statistics.gee import fit
from evalsuite.statistics.transfer import transfer
from tests.evalsuite.statistics.golden import STATSMODELS


def design(rows):
    run, held_out, language = (np.array(rows[key], dtype=float) for key in ("run", "held_out", "language"))
    dummies = (language[:, None] == np.arange(1, 5)).astype(float)
    return np.column_stack([run, run * held_out, np.ones(len(run)), dummies])


@pytest.mark.parametrize(("case", "kind"), list(zip(STATSMODELS["gee"], ("robust", "bias_reduced"), strict=True)))
def test_coefficients_and_covariance_are_those_of_statsmodels(case, kind):
    rows, expected = case["rows"], case[kind]
    model = fit(np.array(rows["right"], dtype=float), design(rows), numbered(rows["cluster"]))
    assert model.coefficients[:2] == pytest.approx(np.array(expected["coefficients"]), abs=1e-6)
    assert model.covariance[:2, :2] == pytest.approx(np.array(expected["covariance"]), rel=1e-4)
    assert model.correlation == pytest.approx(expected["correlation"], abs=1e-6)


def test_coefficient_of_unclustered_answers_is_the_log_odds_ratio():
    right = np.array([1.0] * 30 + [0.0] * 10 + [1.0] * 20 + [0.0] * 20)
    run = np.array([1.0] * 40 + [0.0] * 40)
    model = fit(right, np.column_stack([run, np.ones(80)]), np.arange(80))
    assert model.coefficients == pytest.approx([logit(0.75) - logit(0.5), 0.0], abs=1e-9)
    assert model.covariance[0, 0] == pytest.approx(1 / 30 + 1 / 10 + 1 / 20 + 1 / 20)


@pytest.mark.parametrize(
    ("right", "columns"),
    [
        ([1.0, 1.0, 0.0, 0.0] * 5, [[1.0, 1.0, 0.0, 0.0] * 5]),
        ([1.0, 0.0, 1.0, 0.0] * 5, [[1.0, 1.0, 0.0, 0.0] * 5, [2.0, 2.0, 0.0, 0.0] * 5]),
    ],
    ids=["separated", "collinear"],
)
def test_coefficients_that_the_data_do_not_determine_are_none(right, columns):
    assert fit(np.array(right), np.column_stack([*columns, np.ones(20)]), np.arange(20)) is None


def simulated(rng, gain_held_out, *, images=400, languages=("de", "es", "nl", "uk")):
    """Return the arguments of `transfer`: run A gains 1 in log odds in trained languages."""
    image, code = (part.ravel() for part in np.indices((images, len(languages))))
    held_out = np.isin(np.array(languages)[code], ["nl", "uk"]).astype(float)
    difficulty = 0.8 * rng.standard_normal(images)[image]
    odds = [difficulty + run * np.where(held_out == 1, gain_held_out, 1.0) for run in (1, 0)]
    right = np.concatenate([(rng.random(len(image)) < expit(part)).astype(float) for part in odds])
    run = np.repeat([1.0, 0.0], len(image))
    names = [languages[number] for number in code] * 2
    return right, run, np.tile(held_out, 2), np.zeros(len(run)), ["x"] * len(run), names, np.tile(image, 2)


def test_gain_that_carries_over_is_told_from_one_that_does_not():
    rng = np.random.default_rng(0)
    none, full = (transfer(*simulated(rng, gain)) for gain in (0.0, 1.0))
    assert none.trained.low > 0.5 and none.held_out.low < 0 < none.held_out.high and none.interaction.p < 1e-4
    assert full.held_out.low > 0.5 and full.interaction.low < 0 < full.interaction.high
    assert full.held_out.value == pytest.approx(full.trained.value + full.interaction.value)
    assert (full.n, full.clusters, full.constant, full.novel) == (3200, 400, 0, None)


def test_answers_that_say_nothing_about_the_gain_are_left_out_and_counted():
    rng = np.random.default_rng(1)
    right, run, held_out, novel, benchmarks, languages, image = simulated(rng, 1.0)
    benchmarks = [
        "solved" if number % 1600 < 40 and language == "de" else "x" for number, language in enumerate(languages)
    ]
    right[np.array(benchmarks) == "solved"] = 1.0
    found = transfer(right, run, held_out, novel, benchmarks, languages, image)
    assert found.constant == benchmarks.count("solved") == 20
    assert found.n == 3200 - 20


def test_equal_runs_have_no_gain():
    rng = np.random.default_rng(4)
    right, *rest = simulated(rng, 1.0, images=60)
    right[len(right) // 2 :] = right[: len(right) // 2]
    found = transfer(right, *rest)
    assert (found.trained.value, found.held_out.value) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert found.trained.p > 0.05 and found.trained.low <= 0 <= found.trained.high


def test_novel_answers_have_a_gain_of_their_own():
    rng = np.random.default_rng(2)
    right, run, held_out, novel, *rest = simulated(rng, 1.0, images=800)
    novel = np.tile((rng.random(len(run) // 2) < 0.5).astype(float), 2) * held_out
    right = np.where((novel == 1) & (run == 1), (rng.random(len(run)) < 0.5).astype(float), right)
    found = transfer(right, run, held_out, novel, *rest)
    assert found.novel.high < 0 < found.held_out.low


def test_claim_needs_trained_and_held_out_answers():
    rng = np.random.default_rng(3)
    arguments = simulated(rng, 1.0, images=40, languages=("de", "es"))
    assert transfer(*arguments) is None
    assert transfer(*(part[:0] for part in arguments)) is None
