"""Cluster-robust standard errors of means."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None for an empty sequence."""
    return sum(values) / len(values) if values else None


def clustered_stderr(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Return the standard error of the mean of clustered values.

    Answers to questions about the same image are correlated, so the ordinary standard error would be too small. This
    is the cluster-robust estimate of Liang and Zeger (1986), with the factor C / (C - 1) for C clusters. If every value
    has its own cluster, it equals the ordinary standard error.

    Args:
        values: one value per question.
        clusters: the cluster of each value.

    Returns:
        None for fewer than two clusters.
    """
    sums: dict[Hashable, float] = defaultdict(float)
    center = mean(values)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - (center or 0.0)
    if len(sums) < 2:
        return None
    spread = sum(part * part for part in sums.values())
    return math.sqrt(spread * len(sums) / (len(sums) - 1)) / len(values)
