"""Figures by region, category, script, resource class and the other facets that the rows of benchmarks carry."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalsuite.report.finished_run import FinishedRun, Row
from evalsuite.report.sections.benchmarks import MOST_MISSING
from evalsuite.report.sections.heat_map import script
from evalsuite.statistics.difference import differences as score_differences
from evalsuite.statistics.figure import figure
from evalsuite.statistics.gap import gap_interval
from evalsuite.statistics.interval import ends
from evalsuite.statistics.scores import Scores
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language

SCRIPT, RESOURCES, UNKNOWN = "script", "resource class", "unknown"
ORDER = ("region", "country", "category", "subject", SCRIPT, RESOURCES, "question type")
"""Facets in the order of a report. Others stand after them, as the rows carry them."""
RESAMPLES = 1999
"""Resamples of an interval of a difference. Reports have hundreds of them, which are exploratory."""
Parts = dict[str, dict[str, list[Row]]]
"""Answers by facet and value."""


def rows(run: FinishedRun) -> list[dict[str, Any]]:
    """Return a row for each value of each facet of each benchmark. All answers weigh the same."""
    judged = _judged(run)
    return [row for name, answers in run.by_benchmark.items() for row in _cuts(run, name, answers, name in judged)]


def differences(a: FinishedRun, b: FinishedRun) -> list[dict[str, Any]]:
    """Return a row for each value of each facet of the questions that two runs have in common.

    Scores of a judge are not compared. A row without a pair of scores has no difference.
    """
    judged = _judged(a) | _judged(b)
    found = []
    for name, answers in a.by_benchmark.items():
        others = {row.item: row for row in b.by_benchmark.get(name, ())}
        both = [row for row in answers if row.item in others and others[row.item].question == row.question]
        if name not in judged:
            found += list(_gaps(name, both, others))
    return found


def resources(code: str) -> str:
    """Return the resource class of a language, `unknown` where the table of languages has none."""
    try:
        known = language(code).resource_class
    except UserError:
        known = None
    return UNKNOWN if known is None else str(known)


def _judged(run: FinishedRun) -> set[str]:
    return {part["name"] for part in run.published if part["judged"]}


def _parts(answers: Iterable[Row]) -> Parts:
    """Return answers by facet and value, in the order of a report. Facets with a single value are left out."""
    by_facet: Parts = {}
    for answer in answers:
        own = ((SCRIPT, script(answer.language)), (RESOURCES, resources(answer.language)))
        for facet, value in (*answer.facets.items(), *own):
            by_facet.setdefault(facet, {}).setdefault(value, []).append(answer)
    # A single value is the figure of the benchmark again.
    several = [facet for facet, parts in by_facet.items() if len(parts) > 1]
    places = {facet: ORDER.index(facet) if facet in ORDER else len(ORDER) for facet in several}
    return {facet: _in_order(facet, by_facet[facet]) for facet in sorted(several, key=places.__getitem__)}


def _in_order(facet: str, parts: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Return the values of a facet: classes by number, others by their number of answers."""
    if facet == RESOURCES:
        return dict(sorted(parts.items()))
    return dict(sorted(parts.items(), key=lambda part: (-len(part[1]), part[0])))


def _cuts(run: FinishedRun, benchmark: str, answers: list[Row], judged: bool) -> Iterator[dict[str, Any]]:
    for facet, parts in _parts(answers).items():
        for value, part in parts.items():
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


def _gaps(benchmark: str, answers: list[Row], others: Mapping[str, Row]) -> Iterator[dict[str, Any]]:
    for facet, parts in _parts(answers).items():
        for value, part in parts.items():
            a, b = ([row.score for row in rows] for rows in (part, [others[row.item] for row in part]))
            first, second, gap = score_differences(a, b, [row.cluster for row in part])
            yield {
                "benchmark": benchmark,
                "facet": facet,
                "value": value,
                "n": len(gap.values),
                "a": first.mean,
                "b": second.mean,
                "difference": gap.mean,
                **ends(gap_interval(gap, resamples=RESAMPLES)),
            }
