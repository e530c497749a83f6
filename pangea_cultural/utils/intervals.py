"""Confidence intervals of shares whose observations come in clusters.

The questions about one entity are not independent: its languages, images and wordings share the answer. Their variance
is that of the entities' totals, as in a survey that draws entities (the ratio estimator). It gives the number of
independent questions that would be as uncertain, and Wilson's interval of that number, with Student's quantile for few
entities. A share of 0 or 1 has no variance: it counts one question for each entity.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the clusters of a group."""

    clusters: int
    questions: int
    score: float
    score_squared: float
    """Sum of the squared scores of the clusters."""
    score_by_questions: float
    """Sum of each cluster's score times its number of questions."""
    questions_squared: float

    @property
    def share(self) -> float:
        """Mean score of a question."""
        return self.score / self.questions if self.questions else 0.0


def effective(totals: Totals) -> float:
    """Return the number of independent questions that are as uncertain as those of a group."""
    share, clusters, questions = totals.share, totals.clusters, totals.questions
    if clusters < 2:
        return min(1.0, questions)
    residuals = totals.score_squared - 2 * share * totals.score_by_questions + share**2 * totals.questions_squared
    variance = max(0.0, residuals) * clusters / (clusters - 1) / questions**2
    independent = share * (1 - share)
    if independent < 1e-12:
        return clusters
    return min(questions, independent / variance) if variance > independent / questions else questions


def interval(totals: Totals, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the interval that covers the share of a group with a confidence."""
    count = effective(totals)
    if not count:
        return 0.0, 1.0
    return wilson(totals.share, count, student_quantile(max(1, totals.clusters - 1), confidence))


def wilson(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's limits for a share.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927.

    Args:
        share: share, from 0 to 1.
        size: number of independent observations.
        quantile: quantile of the normal distribution or of Student's, for the confidence of the limits.
    """
    weight = quantile**2 / size
    center = (share + weight / 2) / (1 + weight)
    half = quantile * math.sqrt(share * (1 - share) / size + weight / (4 * size)) / (1 + weight)
    # Rounding must not exclude the share itself, where it is 0 or 1.
    return max(0.0, min(share, center - half)), min(1.0, max(share, center + half))


@lru_cache(maxsize=4096)
def student_quantile(degrees_of_freedom: int, confidence: float) -> float:
    """Return the quantile of Student's distribution for an interval with two sides."""
    return float(special.stdtrit(degrees_of_freedom, (1 + confidence) / 2))
