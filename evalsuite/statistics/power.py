"""The smallest difference that a comparison would probably find."""

import math

from scipy.special import ndtri

from evalsuite.statistics.clusters import sums_by
from evalsuite.statistics.scores import Scores

POWER = 0.8
SIGNIFICANCE = 0.05
RULE_OF_THREE = 3
"""Bound for what happened to none of C clusters: with 95 % confidence, it happens to at most 3 / C of them."""


def minimum_detectable_effect(differences: Scores) -> float | None:
    """Return the true difference that a test at 5 % finds with a probability of 80 %.

    For scores of 0 and 1 it is (1.96 + 0.84) * sqrt(share of pairs that differ * design effect / n).

    Args:
        differences: difference of the two scores of each question.

    Returns:
        None for fewer than two clusters.
    """
    clusters = differences.num_clusters
    if clusters < 2:
        return None
    weights = differences.weights
    parts = weights * differences.values
    variance = max(float((sums_by(differences.clusters, parts) ** 2).sum()), float((parts**2).sum()))
    if variance == 0:
        variance = min(1, RULE_OF_THREE / clusters) * float((sums_by(differences.clusters, weights) ** 2).sum())
    return float(ndtri(1 - SIGNIFICANCE / 2) + ndtri(POWER)) * math.sqrt(variance)
