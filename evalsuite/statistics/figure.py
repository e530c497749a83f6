"""One figure: a mean, its interval, and how many answers and clusters it rests on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.statistics.bootstrap import bootstrap_mean
from evalsuite.statistics.interval import CONFIDENCE, Interval, ends
from evalsuite.statistics.scores import Scores
from evalsuite.statistics.wilson import effective_size, wilson, wilson_limits


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean with its interval of 95 %."""

    n: int
    missing: int
    clusters: int
    mean: float | None
    interval: Interval | None
    """None for fewer than two clusters, or for equal scores outside of 0 to 1."""

    def as_row(self) -> dict[str, Any]:
        """Return the figure as it is in results.json."""
        return {
            "n": self.n,
            "missing": self.missing,
            "clusters": self.clusters,
            "mean": self.mean,
            **ends(self.interval),
            "interval": self.interval.method if self.interval else None,
        }


def figure(scores: Scores, *, seed: int = 0) -> Figure:
    """Return the mean of scores with its interval: Wilson's for scores of 0 and 1, the cluster bootstrap for others."""
    return Figure(
        n=len(scores.values),
        missing=scores.missing,
        clusters=scores.num_clusters,
        mean=scores.mean,
        interval=wilson(scores) if scores.is_binary else _graded(scores, seed),
    )


def _graded(scores: Scores, seed: int) -> Interval | None:
    found = bootstrap_mean(scores, seed=seed)
    return found.interval().within(*possible(scores, 0.0)) if found else equal_scores(scores, 0.0, 1.0)


def possible(scores: Scores, least: float) -> tuple[float, float]:
    """Return the limits of scores from `least` to 1, infinite on a side where one of them is beyond."""
    low, high = scores.values.min(), scores.values.max()
    return least if low >= least else -np.inf, 1.0 if high <= 1 else np.inf


def equal_scores(scores: Scores, least: float, most: float, confidence: float = CONFIDENCE) -> Interval | None:
    """Return an interval where all scores are equal: other answers are rare, but may have any possible score.

    Args:
        scores: equal scores.
        least: smallest possible score.
        most: largest possible score.
        confidence: confidence of the interval.

    Returns:
        None for fewer than two clusters, or for impossible scores.
    """
    mean, clusters = scores.mean, scores.num_clusters
    if mean is None or clusters < 2 or not least <= mean <= most:
        return None
    same = scores.with_values(scores.values * 0 + 1)
    others = 1 - wilson_limits(1.0, effective_size(same), clusters, confidence)[0]
    return Interval(mean - others * (mean - least), mean + others * (most - mean), "bound")
