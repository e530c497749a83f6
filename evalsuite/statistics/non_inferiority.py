"""The test that a run is not worse than another one by more than a margin that was fixed beforehand."""

from dataclasses import dataclass

from scipy.optimize import brentq

from evalsuite.statistics.bootstrap import RESAMPLES, bootstrap_mean
from evalsuite.statistics.gap import differs_rarely, gap_interval
from evalsuite.statistics.scores import Scores

MARGIN = 0.01
"""One point."""
ONE_SIDED = 0.9
"""Confidence of the two-sided interval whose lower end is the one-sided bound of 95 %."""


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """The lower one-sided bound of 95 % of the difference, and the p-value of a difference below the margin."""

    margin: float
    low: float
    p: float


def non_inferiority(
    differences: Scores, *, margin: float = MARGIN, seed: int = 0, resamples: int = RESAMPLES
) -> NonInferiority | None:
    """Return the test from the interval of the difference. Its p-value is below 5 % if the bound is above the margin.

    Args:
        differences: score of the new run minus that of the old one, for each question.
        margin: loss that is accepted.
        seed: seed of the resamples.
        resamples: number of resamples.

    Returns:
        None for fewer than two clusters, or for equal differences outside of -1 to 1.
    """
    found = None if differs_rarely(differences) else bootstrap_mean(differences, seed=seed, resamples=resamples)
    if found:
        return NonInferiority(margin, found.interval(ONE_SIDED).low, found.p_at_most(-margin))
    if (bound := gap_interval(differences, ONE_SIDED)) is None:
        return None

    def distance(p: float) -> float:
        interval = gap_interval(differences, 1 - 2 * p)
        return (interval.low if interval else 0.0) + margin

    # The bound falls as the confidence rises: from the difference itself to -1.
    ends = (1e-9, 0.5 - 1e-9)
    p = 1.0 if distance(ends[1]) <= 0 else ends[0] if distance(ends[0]) > 0 else float(brentq(distance, *ends))
    return NonInferiority(margin, bound.low, p)
