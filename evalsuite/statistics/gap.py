"""Intervals of the difference of two runs."""

import math

import numpy as np

from evalsuite.statistics.bootstrap import RESAMPLES, bootstrap_mean
from evalsuite.statistics.clusters import Floats
from evalsuite.statistics.figure import equal_scores, possible
from evalsuite.statistics.interval import CONFIDENCE, Interval
from evalsuite.statistics.scores import Scores
from evalsuite.statistics.wilson import wilson

FEW_CLUSTERS = 20
"""Number of clusters with a difference below which resamples are too much alike."""


def gap_interval(
    gap: Scores, confidence: float = CONFIDENCE, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """Return the interval of a mean difference: the cluster bootstrap, or Wilson's where few clusters differ.

    Args:
        gap: difference of the two scores of each question.
        confidence: confidence of the interval.
        seed: seed of the resamples.
        resamples: number of resamples.

    Returns:
        None for fewer than two clusters, or for equal differences outside of -1 to 1.
    """
    if not len(gap.values):
        return None
    if differs_rarely(gap):
        return paired_wilson(gap, confidence)
    found = bootstrap_mean(gap, seed=seed, resamples=resamples)
    if found is None:
        return equal_scores(gap, -1.0, 1.0, confidence)
    return found.interval(confidence).within(*possible(gap, -1.0))


def differs_rarely(gap: Scores) -> bool:
    """Return whether scores are 0 or 1, and few clusters have a difference, or all differences are equal."""
    changed = len(np.unique(gap.clusters[gap.values != 0]))
    rare = changed < FEW_CLUSTERS or bool((gap.values == gap.values[0]).all())
    return rare and bool(np.isin(gap.values, (-1.0, 0.0, 1.0)).all())


def paired_wilson(gap: Scores, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the interval of a difference of two shares: that of questions only A has right less that of only B.

    It combines the Wilson intervals of both shares and their correlation (Newcombe, 1998, method 10).

    Returns:
        None for fewer than two clusters.
    """
    shares = [gap.with_values((gap.values == sign).astype(np.float64)) for sign in (1.0, -1.0)]
    better, worse = (wilson(share, confidence) for share in shares)
    if better is None or worse is None:
        return None
    a, b = (share.mean or 0.0 for share in shares)
    correlation = _correlation(*(share.cluster_parts() for share in shares))
    low = a - b - _length(a - better.low, worse.high - b, correlation)
    high = a - b + _length(better.high - a, b - worse.low, correlation)
    return Interval(low, high, "wilson")


def _correlation(a: Floats, b: Floats) -> float:
    size = math.sqrt(float((a**2).sum()) * float((b**2).sum()))
    return float(a @ b) / size if size > 0 else 0.0


def _length(a: float, b: float, correlation: float) -> float:
    """Return the distance of a difference from its limit, from those of the two shares."""
    return math.sqrt(max(0.0, a**2 + b**2 - 2 * correlation * a * b))
