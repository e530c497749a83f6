"""Adjusted p-values of families of tests."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of Holm (1979): the chance of any false alarm in the family is at most that of one test."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * np.asarray(p_values, dtype=float)[order]))
    return adjusted.tolist()


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of Benjamini and Hochberg (1995): of the findings below 5 %, 5 % are expected to be false."""
    return stats.false_discovery_control(p_values, method="bh").tolist() if len(p_values) else []
