"""Figures by region, category, script and the other facets that the rows of benchmarks carry."""

from collections.abc import Iterator
from typing import Any

from evalsuite.report.finished_run import FinishedRun, Row
from evalsuite.report.sections.benchmarks import MOST_MISSING
from evalsuite.report.sections.heat_map import script
from evalsuite.statistics.figure import figure
from evalsuite.statistics.scores import Scores

SCRIPT = "script"


def rows(run: FinishedRun) -> list[dict[str, Any]]:
    """Return a row for each value of each facet of each benchmark. All answers weigh the same."""
    judged = {part["name"] for part in run.published if part["judged"]}
    return [row for name, answers in run.by_benchmark.items() for row in _cuts(run, name, answers, name in judged)]


def _cuts(run: FinishedRun, benchmark: str, answers: list[Row], judged: bool) -> Iterator[dict[str, Any]]:
    by_facet: dict[str, dict[str, list[Row]]] = {}
    for answer in answers:
        for facet, value in (*answer.facets.items(), (SCRIPT, script(answer.language))):
            by_facet.setdefault(facet, {}).setdefault(value, []).append(answer)
    for facet, parts in by_facet.items():
        # A single value is the figure of the benchmark again.
        if len(parts) == 1:
            continue
        for value, part in sorted(parts.items()):
            found = figure(Scores.of([row.score for row in part], [row.cluster for row in part])).as_row()
            withheld = judged and found["missing"] > MOST_MISSING * len(part)
            yield {
                "run": run.letter,
                "benchmark": benchmark,
                "facet": facet,
                "value": value,
                "n": len(part),
                **{key: None if withheld else found[key] for key in ("mean", "low", "high")},
            }
