"""Benchmark of the intervals and tests of `evalsuite/statistics`: coverage, false alarms and power in simulated runs.

python -m tests.perf.evalsuite.eval_statistics
"""

import argparse
import time

from rich.console import Console

from pangea_cultural.utils.console import table
from tests.evalsuite.statistics import coverage
from tests.perf.support import record

LEAST_COVERAGE = 0.93
MOST_FALSE_ALARMS = 0.06


def main() -> None:
    """Simulate all designs, print a table of each kind and write the extremes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5_000, help="simulated runs of each design")
    arguments = parser.parse_args()
    settings = coverage.Settings(arguments.runs)
    started = time.process_time()
    one = [(d.name, coverage.wilson_coverage(d, settings), coverage.old_coverage(d, settings)) for d in coverage.SHARES]
    graded = [(d.name, coverage.bootstrap_coverage(d, settings)) for d in (*coverage.GRADED, *coverage.MACRO)]
    gaps = [(d.name, coverage.difference_coverage(d, settings)) for d in coverage.APART]
    same = [(d.name, *coverage.false_alarms(d, settings)) for d in coverage.SAME]
    margins = [(d.name, coverage.false_non_inferiority(d, settings)) for d in coverage.AT_THE_MARGIN]
    power = [(d.name, d.truth, *coverage.power_at_the_detectable_effect(d, settings)) for d in coverage.POWER]
    hard = [(d.name, coverage.wilson_coverage(d, settings)) for d in coverage.HARD]
    for title, columns, rows in (
        ("One figure and macro averages, 0/1, Wilson", ["design", "coverage", "two standard errors"], one),
        ("One figure and macro averages, bootstrap", ["design", "coverage"], graded),
        ("Difference", ["design", "coverage"], gaps),
        ("False alarms at 5 %", ["design", "sign-flip", "McNemar, ignoring clusters"], same),
        ("Not worse by 1 point, although it is", ["design", "false claims"], margins),
        ("Power", ["design", "difference", "median detectable effect", "share found"], power),
        ("Beyond the designs: few images have all wrong answers", ["design", "coverage"], hard),
    ):
        cells = [[name, *(f"{value:.3f}" for value in values)] for name, *values in rows]
        Console().print(table(title, columns, cells))
    figures = {
        "coverage": min(row[1] for row in (*one, *graded, *gaps)),
        "false_alarms": max(row[1] for row in (*same, *margins)),
        "runs": arguments.runs,
        "processor_seconds": time.process_time() - started,
    }
    details = {"one": one, "graded": graded, "difference": gaps, "same": same, "margin": margins, "power": power}
    record.write("eval_statistics", figures, details=details | {"hard": hard})
    assert figures["coverage"] >= LEAST_COVERAGE, figures
    assert figures["false_alarms"] <= MOST_FALSE_ALARMS, figures


if __name__ == "__main__":
    main()
