"""Means with honest errors."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return sum(values) / len(values) if values else None


def clustered_stderr(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Standard error of the mean of values that come in clusters.

    Questions about one image are right or wrong together; as if they were independent, errors would look too small.
    The estimate is the usual one for cluster-robust errors (Liang and Zeger, 1986), with the factor C / (C - 1) for
    few clusters; with every value a cluster of its own it is the standard error that everybody knows.

    Args:
        values: one a question.
        clusters: which cluster each value belongs to.

    Returns:
        None where there are fewer than two clusters.
    """
    sums: dict[Hashable, float] = defaultdict(float)
    center = mean(values)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - (center or 0.0)
    if len(sums) < 2:
        return None
    spread = sum(part * part for part in sums.values())
    return math.sqrt(spread * len(sums) / (len(sums) - 1)) / len(values)
