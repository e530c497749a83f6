"""Logistic regression of clustered answers by generalized estimating equations (Liang and Zeger, 1986).

Answers of a cluster are equally correlated ("exchangeable"). Standard errors are robust: they hold if the correlation
is another one. For fewer than 40 clusters, they have the correction of Mancl and DeRouen (2001).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from evalsuite.statistics.clusters import Floats, Numbers

FEW_CLUSTERS = 40
MOST_STEPS = 60
TOLERANCE = 1e-9
LARGEST_PREDICTOR = 20.0
"""Log odds beyond which a right answer is certain. A coefficient that only such answers determine does not converge."""


@dataclass(frozen=True, slots=True)
class Gee:
    """A fitted model."""

    coefficients: Floats
    covariance: Floats
    correlation: float
    clusters: int


def fit(right: Floats, design: Floats, clusters: Numbers) -> Gee | None:
    """Return the model of answers that are right (1) or wrong (0).

    Args:
        right: answers.
        design: one row for each answer, one column for each coefficient.
        clusters: cluster of each answer.

    Returns:
        None if the coefficients do not converge or cannot be told apart.
    """
    order = np.argsort(clusters, kind="stable")
    right, design = right[order], design[order]
    groups = _Groups(np.bincount(clusters))
    coefficients, correlation = np.zeros(design.shape[1]), 0.0
    for _ in range(MOST_STEPS):
        share = expit(design @ coefficients)
        score, information = _equations(right, share, design, groups, correlation)
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, score)
        coefficients = coefficients + step
        if np.abs(design @ coefficients).max() > LARGEST_PREDICTOR:
            return None
        share = expit(design @ coefficients)
        correlation = _correlation((right - share) / np.sqrt(share * (1 - share)), groups, design.shape[1])
        if np.abs(step).max() < TOLERANCE:
            covariance = _covariance(right, share, design, groups, correlation)
            return Gee(coefficients, covariance, correlation, len(groups.sizes))
    return None


class _Groups:
    """Clusters of sorted rows."""

    def __init__(self, sizes: Numbers) -> None:
        self.sizes = sizes
        self.starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def sums(self, values: Floats) -> Floats:
        """Return the sum of each cluster."""
        return np.add.reduceat(values, self.starts, axis=0)

    def solve(self, values: Floats, correlation: float) -> Floats:
        """Return the inverse of the exchangeable correlation matrix of each cluster, times its values."""
        factor = correlation / (1 + (self.sizes - 1) * correlation)
        shape = (-1, *[1] * (values.ndim - 1))
        shrunk = np.repeat(factor.reshape(shape) * self.sums(values), self.sizes, axis=0)
        return (values - shrunk) / (1 - correlation)


def _equations(
    right: Floats, share: Floats, design: Floats, groups: _Groups, correlation: float
) -> tuple[Floats, Floats]:
    """Return the estimating equations and their information matrix."""
    deviation = np.sqrt(share * (1 - share))
    scaled = design * deviation[:, None]
    solved = groups.solve(scaled, correlation)
    return solved.T @ ((right - share) / deviation), solved.T @ scaled


def _correlation(residuals: Floats, groups: _Groups, coefficients: int) -> float:
    """Return the mean product of two residuals of a cluster, relative to their variance."""
    pairs = float((groups.sizes * (groups.sizes - 1)).sum()) / 2
    if pairs <= coefficients:
        return 0.0
    scale = float((residuals**2).sum()) / (len(residuals) - coefficients)
    products = float((groups.sums(residuals) ** 2).sum() - (residuals**2).sum()) / 2
    found = products / scale / (pairs - coefficients)
    # Beyond these values, the matrix of the largest cluster has no inverse.
    return float(np.clip(found, -0.99 / max(1, groups.sizes.max() - 1), 0.99))


def _covariance(right: Floats, share: Floats, design: Floats, groups: _Groups, correlation: float) -> Floats:
    deviation = np.sqrt(share * (1 - share))
    scaled = design * deviation[:, None]
    solved = groups.solve(scaled, correlation)
    inverse = np.linalg.inv(solved.T @ scaled)
    residuals = (right - share) / deviation
    if len(groups.sizes) >= FEW_CLUSTERS:
        parts = groups.sums(solved * residuals[:, None])
    else:
        parts = _corrected(right - share, design * (share * (1 - share))[:, None], deviation, groups, correlation)
    return inverse @ (parts.T @ parts) @ inverse


def _corrected(residuals: Floats, slopes: Floats, deviation: Floats, groups: _Groups, correlation: float) -> Floats:
    """Return the part of each cluster in the robust covariance, with residuals corrected for the leverage."""
    solved = groups.solve(slopes / deviation[:, None], correlation) / deviation[:, None]
    inverse = np.linalg.inv(solved.T @ slopes)
    corrected = np.empty_like(residuals)
    for start, size in zip(groups.starts, groups.sizes, strict=True):
        rows = slice(start, start + size)
        leverage = slopes[rows] @ inverse @ solved[rows].T
        corrected[rows] = np.linalg.solve(np.eye(size) - leverage, residuals[rows])
    return groups.sums(solved * corrected[:, None])
