"""Intervals of single figures, compared with scipy's, with statsmodels' and with values computed by hand."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evalsuite.statistics.bootstrap import bootstrap_mean
from evalsuite.statistics.figure import figure
from evalsuite.statistics.gap import gap_interval
from evalsuite.statistics.scores import Scores
from evalsuite.statistics.wilson import effective_size, wilson, wilson_limits
from tests.evalsuite.statistics.golden import STATSMODELS


def of(values, clusters=None, cells=None):
    return Scores.of(values, range(len(values)) if clusters is None else clusters, cells)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_error_of_single_answers_is_the_ordinary_one(values):
    expected = statistics.stdev(values) / math.sqrt(len(values))
    assert math.sqrt(of(values).squared_error()) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=30), st.integers(2, 5))
def test_repeated_answers_of_a_cluster_add_nothing(values, times):
    clusters = [cluster for cluster in range(len(values)) for _ in range(times)]
    repeated = of([value for value in values for _ in range(times)], clusters)
    assert effective_size(repeated) <= len(values) + 1e-9
    if 0 < sum(values) < len(values):
        assert repeated.squared_error() == pytest.approx(of(values).squared_error())


@pytest.mark.parametrize(("right", "n"), [(0, 12), (3, 12), (12, 12), (97, 100), (1, 4)])
def test_limits_are_those_of_scipy_with_the_quantile_of_t(right, n):
    confidence = 2 * stats.norm.cdf(stats.t.ppf(0.975, n - 1)) - 1
    expected = stats.binomtest(right, n).proportion_ci(confidence_level=confidence, method="wilson")
    assert wilson_limits(right / n, n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("right", "n", "size"), [(0, 12, 12), (3, 12, 11), (12, 12, 12), (97, 100, 99)])
def test_single_answers_have_the_limits_of_their_number(right, n, size):
    # The estimate of the error has the factor C / (C - 1).
    interval = figure(of([1.0] * right + [0.0] * (n - right))).interval
    assert (interval.low, interval.high) == pytest.approx(wilson_limits(right / n, size, n))
    assert interval.method == "wilson"


@pytest.mark.parametrize("case", STATSMODELS["proportion_confint"], ids=str)
def test_limits_are_those_of_statsmodels(case):
    # statsmodels takes a normal quantile. With this many clusters, t is normal.
    limits = wilson_limits(case["right"] / case["n"], case["n"], 10**9)
    assert limits == pytest.approx((case["low"], case["high"]), abs=1e-8)


def test_wilson_of_clusters_by_hand():
    # Mean 0.5; deviations of the clusters: 1, -1, 0. Squared error: 2 * (3 / 2) / 36 = 1 / 12. Size: 0.25 * 12 = 3.
    scores = of([1.0, 1.0, 0.0, 0.0, 1.0, 0.0], [0, 0, 1, 1, 2, 2])
    assert scores.squared_error() == pytest.approx(1 / 12)
    assert effective_size(scores) == pytest.approx(3)
    t = 4.302652729911275
    half = t * math.sqrt(0.25 / 3 + t**2 / 36) / (1 + t**2 / 3)
    interval = wilson(scores)
    assert (interval.low, interval.high) == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_answers_have_an_interval_whose_size_is_the_number_of_clusters(value):
    interval = figure(of([value] * 12, [number // 3 for number in range(12)])).interval
    alone = figure(of([value] * 4)).interval
    assert interval == alone
    assert (interval.low == 0) == (value == 0) and interval.high - interval.low > 0.5


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 0.0, 1.0], [0.3, 0.4], [None, None]])
def test_one_cluster_has_a_mean_without_an_interval(values):
    found = figure(of(values, [0] * len(values)))
    known = [value for value in values if value is not None]
    assert found.interval is None
    assert found.mean == (pytest.approx(sum(known) / len(known)) if known else None)
    assert (found.n, found.missing) == (len(known), len(values) - len(known))


def test_missing_scores_are_counted_and_never_zero():
    complete = figure(of([1.0, 0.0, 1.0], ["a", "b", "c"]))
    partial = figure(of([1.0, None, 0.0, float("nan"), 1.0], ["a", "x", "b", "a", "c"]))
    assert partial.missing == 2
    assert partial.as_row() == complete.as_row() | {"missing": 2}


def test_bootstrap_of_clusters_is_that_of_scipy():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(25), rng.integers(1, 6, 25))
    values = np.clip(rng.beta(1, 4, len(clusters)) + 0.2 * rng.random(25)[clusters], 0, 1)
    sums, counts = np.bincount(clusters, values), np.bincount(clusters)
    # The project's quantile is that of t, which scipy has at another confidence.
    confidence = 2 * stats.norm.cdf(math.sqrt(25 / 24) * stats.t.ppf(0.975, 24)) - 1
    expected = stats.bootstrap(
        (sums, counts),
        lambda s, n, axis=-1: s.sum(axis) / n.sum(axis),
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=60_000,
        confidence_level=confidence,
        rng=1,
    ).confidence_interval
    interval = bootstrap_mean(Scores.of(values, clusters), resamples=60_000).interval()
    width = expected.high - expected.low
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.01 * width)
    assert figure(Scores.of(values, clusters)).interval.method == "bca"


def test_macro_average_by_hand_and_its_bootstrap_by_scipy():
    rng = np.random.default_rng(4)
    images, languages = (part.ravel() for part in np.indices((30, 3)))
    values = (rng.random(90) < 0.3 + 0.2 * languages).astype(float) * rng.random(90)
    values[languages == 2][:10] = np.nan
    scores = Scores.of(values, images, languages.tolist())
    by_language = [values[languages == number].mean() for number in range(3)]
    assert scores.mean == pytest.approx(sum(by_language) / 3)
    columns = [values[languages == number] for number in range(3)]
    expected = stats.bootstrap(
        columns,
        lambda a, b, c, axis=-1: (a.mean(axis) + b.mean(axis) + c.mean(axis)) / 3,
        paired=True,
        vectorized=True,
        method="BCa",
        n_resamples=60_000,
        confidence_level=2 * stats.norm.cdf(math.sqrt(30 / 29) * stats.t.ppf(0.975, 29)) - 1,
        rng=1,
    ).confidence_interval
    interval = bootstrap_mean(scores, resamples=60_000).interval()
    width = expected.high - expected.low
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.01 * width)


def test_interval_of_few_clusters_of_graded_scores_has_that_of_student_inside():
    # The error is 0.05, and the quantile of t with one degree of freedom is 12.706.
    interval = figure(of([0.1, 0.2])).interval
    assert (interval.low, interval.high) == pytest.approx((0.0, 0.15 + 12.706 * 0.05), abs=1e-3)
    gap = of([0.1, 0.2, 0.15])
    low, p = gap_interval(gap, 0.9).low, bootstrap_mean(gap).p_at_most(0.0)
    assert low == pytest.approx(0.15 - 2.920 * 0.05 / math.sqrt(3), abs=1e-3)
    assert p >= 0.999 * stats.ttest_1samp([0.1, 0.2, 0.15], 0, alternative="greater").pvalue


def test_languages_that_share_images_have_a_wider_macro_interval():
    rng = np.random.default_rng(5)
    images, languages = (part.ravel() for part in np.indices((60, 4)))
    values = np.repeat(rng.random(60), 4)
    shared = figure(Scores.of(values, images, languages.tolist())).interval
    apart = figure(Scores.of(values, range(240), languages.tolist())).interval
    assert shared.high - shared.low > 1.8 * (apart.high - apart.low)


def test_weights_of_nested_cells():
    scores = Scores.of([1.0, 0.0, 0.0, 1.0], range(4), ["de", "de", "nl", "de"], ["x", "x", "x", "y"])
    assert scores.mean == pytest.approx(((0.5 + 0.0) / 2 + 1.0) / 2)
    assert scores.weights.tolist() == pytest.approx([0.125, 0.125, 0.25, 0.5])


def test_equal_graded_scores_have_an_interval_if_their_range_is_known():
    interval = figure(of([0.25] * 20)).interval
    assert interval.method == "bound" and 0 < interval.low < 0.25 < interval.high < 1
    assert figure(of([3.0] * 20)).interval is None


def test_same_seed_gives_the_same_interval():
    scores = of(np.random.default_rng(0).random(40).tolist())
    assert figure(scores) == figure(scores)
    assert figure(scores, seed=1) != figure(scores)
