"""Coverage and false alarms in hundreds of simulated runs. `tests.perf.evalsuite.eval_statistics` makes thousands."""

import pytest
from scipy import stats

from tests.evalsuite.statistics import coverage

SETTINGS = coverage.Settings(runs=300, resamples=999)


def least(nominal):
    """Return the share that a method of nominal coverage falls below in one of 1,000 tests."""
    return stats.binom.ppf(0.001, SETTINGS.runs, nominal) / SETTINGS.runs


def most(nominal):
    return stats.binom.ppf(0.999, SETTINGS.runs, nominal) / SETTINGS.runs


@pytest.mark.parametrize("design", coverage.SHARES, ids=lambda design: design.name)
def test_interval_of_shares_covers_the_truth(design):
    assert coverage.wilson_coverage(design, SETTINGS) >= least(0.94)


def test_two_standard_errors_do_not_cover_the_truth_near_100_percent():
    """The check of coverage fails where it should."""
    design = coverage.ONE_FIGURE[2]
    assert coverage.old_coverage(design, SETTINGS) < 0.85 < least(0.94)


@pytest.mark.parametrize("design", [coverage.GRADED[1], coverage.MACRO[3]], ids=lambda design: design.name)
def test_bootstrap_covers_the_truth(design):
    assert coverage.bootstrap_coverage(design, SETTINGS) >= least(0.94)


@pytest.mark.parametrize("design", [coverage.APART[0], *coverage.APART[-2:]], ids=lambda design: design.name)
def test_interval_of_a_difference_covers_the_truth(design):
    assert coverage.difference_coverage(design, SETTINGS) >= least(0.94)


@pytest.mark.parametrize("design", [coverage.SAME[0], coverage.SAME[-1]], ids=lambda design: design.name)
def test_equally_good_runs_rarely_differ(design):
    assert coverage.false_alarms(design, SETTINGS)[0] <= most(0.05)


def test_mcnemar_raises_false_alarms_where_answers_share_images():
    assert coverage.false_alarms(coverage.MANY_QUESTIONS, SETTINGS)[1] > most(0.05)


def test_worse_run_rarely_passes_as_not_worse():
    assert coverage.false_non_inferiority(coverage.AT_THE_MARGIN[0], SETTINGS) <= most(0.05)
