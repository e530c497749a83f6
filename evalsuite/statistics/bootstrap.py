"""The cluster bootstrap with bias correction and acceleration (BCa; Efron, 1987).

Resampling the sums of clusters is resampling clusters. So a data set is a matrix with a row for each cluster, and one
matrix product gives all resamples of all its columns. `scipy.stats.bootstrap` has the same intervals; it copies the
columns of each resample, which is slow for means over many languages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from evalsuite.statistics.clusters import Floats
from evalsuite.statistics.interval import CONFIDENCE, Interval
from evalsuite.statistics.scores import Scores

RESAMPLES = 9_999
FEW_CLUSTERS = 8
"""Number of clusters below which resamples are too much alike: intervals of two cover 50 %, of five 91 %."""
LARGEST_BATCH = 4_000_000
"""Number of drawn clusters in memory at a time."""

Statistic = Callable[[Floats], Floats]
"""Function from totals of columns, in the last axis, to a value. NaN where it is not defined."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The distribution of a statistic over resamples, and its correction."""

    estimate: float
    draws: Floats
    bias: float
    acceleration: float
    error: float
    """Standard error by the jackknife over clusters."""
    clusters: int

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Return the interval. A one-sided bound of 95 % is an end of the interval of 90 %.

        For few clusters it has that of Student's t inside.
        """
        z = _quantile((1 + confidence) / 2, self.clusters)
        low, high = (float(np.quantile(self.draws, self._level(end))) for end in (-z, z))
        if self.clusters < FEW_CLUSTERS:
            reach = float(stats.t.ppf((1 + confidence) / 2, self.clusters - 1)) * self.error
            low, high = min(low, self.estimate - reach), max(high, self.estimate + reach)
        return Interval(low, high, "bca")

    def _level(self, z: float) -> float:
        shifted = self.bias + z
        return float(ndtr(self.bias + shifted / (1 - self.acceleration * shifted)))

    def p_at_most(self, value: float) -> float:
        """Return the one-sided p-value of the hypothesis that the true statistic is at most `value`.

        It is below 5 % if and only if the lower one-sided bound of 95 % is above the value.
        """
        count = (self.draws < value).sum() + (self.draws == value).sum() / 2
        share = (count + 0.5) / (len(self.draws) + 1)
        distance = float(ndtri(share)) - self.bias
        z = distance / (1 + self.acceleration * distance) - self.bias
        p = float(stats.t.cdf(z / np.sqrt(self.clusters / (self.clusters - 1)), self.clusters - 1))
        if self.clusters < FEW_CLUSTERS:
            p = max(p, float(stats.t.cdf((value - self.estimate) / max(self.error, 1e-12), self.clusters - 1)))
        return p


def bootstrap_mean(scores: Scores, *, seed: int = 0, resamples: int = RESAMPLES) -> Bootstrap | None:
    """Return the bootstrap of a mean. Cells without an answer in a resample are left out of its mean.

    Returns:
        None for fewer than two clusters, or if the mean is the same in all resamples.
    """
    cells, weights = len(scores.cell_weights), scores.cell_weights
    places = scores.clusters * cells + scores.cells
    shape = (scores.num_clusters, cells)
    values = np.bincount(places, scores.values, minlength=shape[0] * cells).reshape(shape)
    counts = np.bincount(places, minlength=shape[0] * cells).reshape(shape)

    def mean(totals: Floats) -> Floats:
        numbers = totals[..., cells:]
        present = numbers > 0
        means = totals[..., :cells] / np.where(present, numbers, 1)
        return (means @ weights) / np.where(present.any(axis=-1), present @ weights, np.nan)

    return bootstrap(np.hstack([values, counts]), mean, seed=seed, resamples=resamples)


def bootstrap(sums: Floats, statistic: Statistic, *, seed: int = 0, resamples: int = RESAMPLES) -> Bootstrap | None:
    """Return the bootstrap of a statistic of clustered data.

    Args:
        sums: one row for each cluster, with sums that the statistic needs.
        statistic: function of the sums over clusters.
        seed: seed of the draws.
        resamples: number of resamples.

    Returns:
        None for fewer than two clusters, or if the statistic is the same in all resamples.
    """
    clusters = len(sums)
    if clusters < 2:
        return None
    total = sums.sum(axis=0)
    estimate = float(statistic(total))
    draws = statistic(resampled_totals(sums, resamples, seed))
    draws = draws[~np.isnan(draws)]
    if not len(draws) or np.ptp(draws) < 1e-12:
        return None
    # Ends of the range stand for a share of 0 or 1, whose quantile is infinite.
    share = ((draws < estimate).sum() + (draws <= estimate).sum()) / (2 * len(draws))
    bias = float(ndtri(np.clip(share, 0.5 / len(draws), 1 - 0.5 / len(draws))))
    left_out = statistic(total - sums)
    return Bootstrap(estimate, draws, bias, _acceleration(left_out), _jackknife_error(left_out), clusters)


def resampled_totals(sums: Floats, resamples: int, seed: int) -> Floats:
    """Return the totals of each resample of the clusters."""
    clusters = len(sums)
    batch = max(1, LARGEST_BATCH // clusters)
    if resamples <= batch:
        return _kept_times(clusters, resamples, seed) @ sums
    sizes = [min(batch, resamples - start) for start in range(0, resamples, batch)]
    return np.concatenate([_times(clusters, size, (seed, number)) @ sums for number, size in enumerate(sizes)])


def _times(clusters: int, resamples: int, seed: int | tuple[int, int]) -> Floats:
    """Return how often each resample has each cluster."""
    drawn = np.random.default_rng(seed).integers(0, clusters, (resamples, clusters))
    places = drawn + np.arange(resamples)[:, None] * clusters
    times = np.bincount(places.ravel(), minlength=resamples * clusters)
    return times.reshape(resamples, clusters).astype(np.float64)


@lru_cache(maxsize=4)
def _kept_times(clusters: int, resamples: int, seed: int) -> Floats:
    """Return `_times`, which are the same for all parts of a benchmark with the same number of clusters."""
    times = _times(clusters, resamples, seed)
    times.setflags(write=False)
    return times


def _acceleration(left_out: Floats) -> float:
    """Return the acceleration from the statistic without each of the clusters."""
    distances = np.nanmean(left_out) - left_out[~np.isnan(left_out)]
    squares = float((distances**2).sum())
    return float((distances**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def _jackknife_error(left_out: Floats) -> float:
    """Return the standard error from the statistic without each of the clusters (Efron, 1982)."""
    known = left_out[~np.isnan(left_out)]
    return float(np.sqrt(((known - known.mean()) ** 2).sum() * (len(known) - 1) / len(known))) if len(known) else 0.0


def _quantile(level: float, clusters: int) -> float:
    """Return the quantile that widens a percentile interval to that of Student's t (Hesterberg, 2015)."""
    return float(np.sqrt(clusters / (clusters - 1)) * stats.t.ppf(level, clusters - 1))
