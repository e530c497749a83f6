"""Shares of simulated runs in which an interval holds the truth, or a test raises a false alarm."""

from dataclasses import dataclass

import numpy as np

from evalsuite.statistics.bootstrap import bootstrap_mean
from evalsuite.statistics.clusters import sums_by
from evalsuite.statistics.figure import equal_scores
from evalsuite.statistics.gap import gap_interval
from evalsuite.statistics.mcnemar import mcnemar
from evalsuite.statistics.non_inferiority import MARGIN, non_inferiority
from evalsuite.statistics.power import minimum_detectable_effect
from evalsuite.statistics.sign_flip import sign_flip
from evalsuite.statistics.wilson import wilson
from tests.evalsuite.statistics.simulated import Macro, OneFigure, TwoRuns

ONE_FIGURE = (
    OneFigure(15, 4, 0.30, 0.3),
    OneFigure(30, 4, 0.90, 0.3),
    OneFigure(30, 4, 0.97, 0.3),
    OneFigure(60, 2, 0.90, 0.3),
    OneFigure(100, 1, 0.95, 0.0),
    OneFigure(100, 3, 0.25, 0.3),
    OneFigure(300, 3, 0.95, 0.2),
)
"""Designs of scores of 0 and 1: clusters x answers, mean, correlation in a cluster."""
GRADED = (
    OneFigure(15, 4, 0.30, 0.3, graded=True),
    OneFigure(30, 4, 0.15, 0.3, graded=True),
    OneFigure(100, 1, 0.20, 0.1, graded=True),
    OneFigure(100, 3, 0.50, 0.3, graded=True),
)
MACRO = (
    Macro(30, 5, 0.4, 0.8, 0.5),
    Macro(100, 5, 0.85, 0.97, 0.3),
    Macro(100, 12, 0.1, 0.9, 0.5),
    Macro(100, 12, 0.1, 0.4, 0.5, graded=True),
)
SHARES = (*ONE_FIGURE, *(design for design in MACRO if not design.graded))
"""Designs whose interval is Wilson's."""
MANY_QUESTIONS = TwoRuns(300, 10, 0.5, 0.5, 0.5, 0.2)
"""Many questions about each image, whose answers are correlated."""
SAME = (
    TwoRuns(30, 4, 0.9, 0.9, 0.5, 0.1),
    TwoRuns(100, 3, 0.6, 0.6, 0.6, 0.0),
    TwoRuns(100, 1, 0.7, 0.7, 0.5, 0.0),
    TwoRuns(300, 3, 0.95, 0.95, 0.5, 0.1),
    TwoRuns(300, 10, 0.5, 0.5, 0.5, 0.05),
    MANY_QUESTIONS,
)
"""Designs of two runs that are equally good."""
APART = (
    TwoRuns(30, 4, 0.8, 0.6, 0.5, 0.1),
    TwoRuns(100, 3, 0.6, 0.5, 0.6, 0.1),
    TwoRuns(300, 1, 0.9, 0.86, 0.6, 0.0),
    TwoRuns(300, 10, 0.55, 0.5, 0.5, 0.05),
    TwoRuns(30, 1, 0.95, 0.9, 0.5, 0.0),
    TwoRuns(100, 1, 0.97, 0.95, 0.5, 0.0),
    TwoRuns(300, 1, 0.98, 0.97, 0.7, 0.0),
)
"""Designs of two runs that are not. In the last ones, few questions are answered right by one run only."""
POWER = (
    TwoRuns(100, 3, 0.6, 0.503, 0.6, 0.1),
    TwoRuns(300, 1, 0.9, 0.842, 0.6, 0.0),
    TwoRuns(300, 10, 0.535, 0.5, 0.5, 0.05),
)
"""Designs in which the true difference is about the detectable one."""
AT_THE_MARGIN = (
    TwoRuns(300, 3, 0.59, 0.60, 0.7, 0.0),
    TwoRuns(1000, 1, 0.89, 0.90, 0.7, 0.0),
    TwoRuns(300, 10, 0.49, 0.50, 0.5, 0.05),
)
"""Designs in which the first run is worse by the margin."""
HARD = (OneFigure(30, 10, 0.97, 0.5), OneFigure(100, 10, 0.99, 0.5))
"""Designs in which too few clusters have wrong answers to tell how correlated these are."""


@dataclass(frozen=True)
class Settings:
    """The number of simulated runs, and of resamples in each."""

    runs: int
    resamples: int = 1_999
    seed: int = 0

    def generator(self):
        return np.random.default_rng(self.seed)


def holds(interval, truth):
    return interval is not None and interval.low <= truth <= interval.high


def wilson_coverage(design, settings):
    rng = settings.generator()
    return np.mean([holds(wilson(design.draw(rng)), design.truth) for _ in range(settings.runs)])


def bootstrap_coverage(design, settings):
    rng = settings.generator()
    found = 0
    for _ in range(settings.runs):
        scores = design.draw(rng)
        drawn = bootstrap_mean(scores, resamples=settings.resamples)
        found += holds(drawn.interval() if drawn else equal_scores(scores, 0, 1), design.truth)
    return found / settings.runs


def old_coverage(design, settings):
    """Return the coverage of plus and minus two clustered standard errors."""
    rng = settings.generator()
    found = 0
    for _ in range(settings.runs):
        scores = design.draw(rng)
        found += abs(scores.mean - design.truth) <= 1.96 * np.sqrt(scores.squared_error())
    return found / settings.runs


def difference_coverage(design, settings):
    rng = settings.generator()
    found = 0
    for _ in range(settings.runs):
        gap = design.draw(rng)[2]
        found += holds(gap_interval(gap, resamples=settings.resamples), design.truth)
    return found / settings.runs


def false_alarms(design, settings):
    """Return the shares of p-values up to 5 % of the sign-flip test and of McNemar's test."""
    rng = settings.generator()
    flip, paired = 0, 0
    for number in range(settings.runs):
        a, b, gap = design.draw(rng)
        flip += sign_flip(sums_by(gap.clusters, gap.values), seed=number, flips=settings.resamples) <= 0.05
        paired += mcnemar(a.values, b.values).p <= 0.05
    return flip / settings.runs, paired / settings.runs


def false_non_inferiority(design, settings):
    """Return how often a run that is worse by exactly the margin passes as not worse."""
    rng = settings.generator()
    found = 0
    for _ in range(settings.runs):
        gap = design.draw(rng)[2]
        result = non_inferiority(gap, resamples=settings.resamples)
        found += result is not None and result.p <= 0.05
    assert design.truth == -MARGIN or abs(design.truth + MARGIN) < 1e-9
    return found / settings.runs


def power_at_the_detectable_effect(design, settings):
    """Return the median detectable effect of a design, and how often its true difference is found."""
    rng = settings.generator()
    found, effects = 0, []
    for number in range(settings.runs):
        gap = design.draw(rng)[2]
        found += sign_flip(sums_by(gap.clusters, gap.values), seed=number, flips=settings.resamples) <= 0.05
        effects.append(minimum_detectable_effect(gap))
    return float(np.median(effects)), found / settings.runs
