"""Tests of two runs, compared with scipy's, with statsmodels' and with values computed by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from evalsuite.statistics.clusters import sums_by
from evalsuite.statistics.difference import compare, differences
from evalsuite.statistics.mcnemar import mcnemar
from evalsuite.statistics.multiplicity import benjamini_hochberg, holm
from evalsuite.statistics.non_inferiority import non_inferiority
from evalsuite.statistics.pairs import pair
from evalsuite.statistics.power import minimum_detectable_effect
from evalsuite.statistics.scores import Scores
from evalsuite.statistics.sign_flip import sign_flip
from evalsuite.statistics.wilson import wilson_limits
from tests.evalsuite.statistics.golden import STATSMODELS


def gap(values, clusters=None, cells=None):
    return Scores.of(values, range(len(values)) if clusters is None else clusters, cells)


def of_table(only_a, only_b, both=5):
    """Return the scores of two runs with some discordant questions."""
    a = [1.0] * only_a + [0.0] * only_b + [1.0] * both
    b = [0.0] * only_a + [1.0] * only_b + [1.0] * both
    return np.array(a), np.array(b)


@pytest.mark.parametrize(
    ("values", "p"),
    [
        ([1, 1, 1, 1, 1], 2 / 32),
        ([1, 1, 1, -1], 10 / 16),
        ([2, -1, 0, 0], 1.0),
        ([3, 1], 0.5),
        ([], 1.0),
        ([0, 0], 1.0),
    ],
)
def test_sign_flip_by_hand(values, p):
    assert sign_flip(np.array(values, dtype=float)) == pytest.approx(p)


def test_exact_and_random_sign_flips_agree_with_scipy():
    rng = np.random.default_rng(0)
    for size, tolerance in ((9, 1e-12), (25, 0.012)):
        values = rng.standard_normal(size) + 0.3
        expected = stats.permutation_test(
            (values, np.zeros(size)),
            lambda x, y, axis=-1: (x - y).sum(axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=20_000,
            rng=1,
        ).pvalue
        assert sign_flip(values) == pytest.approx(expected, abs=tolerance)


def test_sign_flip_flips_clusters_not_questions():
    # Ten questions about one image say as much as one.
    values, clusters = np.array([1.0] * 10 + [1.0, -1.0]), [0] * 10 + [1, 2]
    found = compare(*differences(np.maximum(values, 0), np.maximum(-values, 0), clusters))
    assert found.p == pytest.approx(6 / 8)
    assert found.mcnemar.p < 0.01


@pytest.mark.parametrize("case", STATSMODELS["mcnemar"], ids=str)
def test_mcnemar_is_that_of_statsmodels(case):
    found = mcnemar(*of_table(case["only_a"], case["only_b"]))
    assert (found.only_a, found.only_b, found.p) == (case["only_a"], case["only_b"], pytest.approx(case["p"]))


@pytest.mark.parametrize("case", STATSMODELS["multipletests"], ids=str)
def test_adjusted_p_values_are_those_of_statsmodels(case):
    assert holm(case["p"]) == pytest.approx(case["holm"])
    assert benjamini_hochberg(case["p"]) == pytest.approx(case["fdr_bh"])


def test_adjusted_p_values_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert holm([]) == benjamini_hochberg([]) == []


@pytest.mark.parametrize(
    ("n", "share", "points"), [(100, 0.1, 8.9), (300, 0.2, 7.2), (1000, 0.4, 5.6), (10374, 0.1, 0.9)]
)
def test_detectable_effect_of_single_questions_is_the_published_formula(n, share, points):
    changed = round(n * share)
    values = [1.0, -1.0] * (changed // 2) + [1.0] * (changed % 2) + [0.0] * (n - changed)
    assert 100 * minimum_detectable_effect(gap(values)) == pytest.approx(points, abs=0.05)


def test_detectable_effect_grows_with_correlated_answers_and_is_never_zero():
    values = [1.0] * 5 + [-1.0] * 5 + [0.0] * 90
    alone, together = gap(values), gap(values, [number // 5 for number in range(100)])
    assert minimum_detectable_effect(together) == pytest.approx(math.sqrt(5) * minimum_detectable_effect(alone))
    # No pair differs: at most 3 of 100 do.
    assert minimum_detectable_effect(gap([0.0] * 100)) == pytest.approx(2.8016 * math.sqrt(0.03 / 100), rel=1e-4)
    assert minimum_detectable_effect(gap([0.0])) is None


def test_missing_scores_remove_the_pair():
    found = compare(*differences([1.0, None, 0.0, 1.0], [0.0, 1.0, None, 1.0], range(4)))
    assert (found.n, found.missing, found.a, found.b, found.difference) == (2, 2, 1.0, 0.5, 0.5)


def test_unequal_questions_are_paired_by_item_and_counted():
    pairs = pair({"x": 1, "y": 2, "z": 3}, {"z": 30, "x": 10, "w": 0})
    assert (pairs.keys, pairs.a, pairs.b, pairs.only_a, pairs.only_b) == (["x", "z"], [1, 3], [10, 30], 1, 1)


def test_swapped_runs_have_the_opposite_difference():
    rng = np.random.default_rng(1)
    a, b = (rng.random(120) < 0.7).astype(float), (rng.random(120) < 0.5).astype(float)
    one, other = (compare(*differences(*runs, np.arange(120) // 3)) for runs in ((a, b), (b, a)))
    assert (one.difference, one.p, one.detectable) == (-other.difference, other.p, other.detectable)
    assert (one.interval.low, one.interval.high) == pytest.approx(
        (-other.interval.high, -other.interval.low), abs=0.005
    )


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.0, 0.0), (1.0, 0.0)])
def test_runs_that_differ_nowhere_or_everywhere_have_an_interval(a, b):
    found = compare(*differences([a] * 30, [b] * 30, range(30)))
    assert found.interval.method == "wilson"
    assert -1 <= found.interval.low < found.difference + 1e-12 and found.interval.high <= 1
    assert found.p == (1.0 if a == b else pytest.approx(1e-4))


def test_interval_of_rare_differences_is_that_of_newcombe():
    # Newcombe (1998) for independent shares, with the limits of t: here no question is right for both shares.
    a, b = [1.0] * 5 + [0.0] * 45, [0.0] * 5 + [1.0] * 2 + [0.0] * 43
    found = compare(*differences(a, b, range(50)))
    better, worse = wilson_limits(5 / 50, 49, 50), wilson_limits(2 / 50, 49, 50)
    # Both shares are of the same questions.
    rho = -math.sqrt(0.1 * 0.04 / (0.9 * 0.96))
    left, right = 0.1 - better[0], worse[1] - 0.04
    low = 0.06 - math.sqrt(left**2 + right**2 - 2 * rho * left * right)
    assert (found.interval.method, found.interval.low) == ("wilson", pytest.approx(low))
    many = compare(*differences(a * 10, b * 10, range(500)))
    assert many.interval.method == "bca"


def test_graded_differences_have_the_bootstrap_also_if_they_are_rare():
    assert compare(*differences([0.5] * 3 + [0.2] * 40, [0.2] * 43, range(43))).interval.method == "bca"
    assert compare(*differences([0.5] * 43, [0.2] * 43, range(43))).interval.method == "bound"


def test_one_cluster_or_no_pair_has_no_test():
    for values, clusters in (([1.0, 0.0], [0, 0]), ([], [])):
        found = compare(*differences(values, [0.0] * len(values), clusters))
        assert (found.interval, found.p, found.mcnemar, found.detectable) == (None, None, None, None)


def test_non_inferiority_is_shown_if_the_bound_is_above_the_margin():
    rng = np.random.default_rng(2)
    for center in (-0.02, -0.01, 0.0, 0.02):
        values = center + 0.05 * rng.standard_normal(90)
        found = non_inferiority(gap(values))
        assert (found.low > -found.margin) == (found.p < 0.05)
        # The t-test of the same hypothesis is close for values from a normal distribution.
        expected = stats.ttest_1samp(values, -0.01, alternative="greater")
        assert found.p == pytest.approx(expected.pvalue, abs=0.01)


def test_non_inferiority_of_equal_runs_depends_on_the_number_of_questions():
    shown = [non_inferiority(gap([0.0] * n)) for n in (50, 1000)]
    assert [(found.p < 0.05, found.low > -0.01) for found in shown] == [(False, False), (True, True)]
    assert non_inferiority(gap([0.0])) is None


def test_difference_of_macro_averages_weighs_languages_equally():
    a, b = [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]
    found = compare(*differences(a, b, range(4), ["de", "de", "de", "nl"]))
    assert (found.a, found.difference) == (0.5, 0.5)
    scores = gap([1.0, 1.0, 1.0, 0.0], None, ["de", "de", "de", "nl"])
    assert sums_by(scores.clusters, scores.weights * scores.values).tolist() == pytest.approx([1 / 6] * 3 + [0])
