"""Intervals of means of clustered scores that are 0 or 1."""

from evalsuite.statistics.clusters import sums_by
from evalsuite.statistics.interval import CONFIDENCE, Interval
from evalsuite.statistics.scores import Scores
from pangea_cultural.utils import intervals


def wilson(scores: Scores, confidence: float = CONFIDENCE) -> Interval | None:
    """Return Wilson's interval on the effective sample size, with the quantile of Student's t.

    Returns:
        None for fewer than two clusters, which say nothing about how clusters differ.
    """
    mean, clusters = scores.mean, scores.num_clusters
    if mean is None or clusters < 2:
        return None
    low, high = wilson_limits(mean, effective_size(scores), clusters, confidence)
    return Interval(low, high, "wilson")


def effective_size(scores: Scores) -> float:
    """Return the number of independent answers that say as much, at most the number of answers.

    If all scores are equal, nothing says how correlated they are. The smallest possible size is then assumed, that of
    clusters in which all answers agree.
    """
    mean = scores.mean or 0.0
    weights = scores.weights
    variance = mean * (1 - mean)
    if variance < 1e-12:
        return 1 / float((sums_by(scores.clusters, weights) ** 2).sum())
    return min(1 / float((weights**2).sum()), variance / max(scores.squared_error(), 1e-300))


def wilson_limits(share: float, size: float, clusters: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the limits for a share of `size` independent answers, with C - 1 degrees of freedom for C clusters."""
    return intervals.wilson(share, size, intervals.student_quantile(clusters - 1, confidence))
