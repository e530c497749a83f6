"""The table of benchmarks: one row for each benchmark of each run, over all its languages."""

from collections.abc import Sequence
from typing import Any

from evalsuite.metrics.accuracy import CONTROLS
from evalsuite.report.finished_run import FinishedRun, Row
from evalsuite.report.sections.heat_map import unparsed
from evalsuite.statistics.figure import figure
from evalsuite.statistics.scores import Scores

MOST_MISSING = 0.02
"""Share of missing verdicts of a judge, above which a figure is withheld."""


def rows(run: FinishedRun) -> list[dict[str, Any]]:
    """Return the rows of a run. Languages weigh the same in every mean."""
    parts = {part["name"]: part for part in run.published}
    return [_row(run, name, answers, parts.get(name)) for name, answers in run.by_benchmark.items()]


def scores(answers: Sequence[Row], values: Sequence[float | None]) -> Scores:
    """Return values of answers with their clusters. Languages weigh the same in the mean."""
    return Scores.of(values, [row.cluster for row in answers], [row.language for row in answers])


def _row(run: FinishedRun, name: str, answers: list[Row], part: dict[str, Any] | None) -> dict[str, Any]:
    robust = figure(scores(answers, [row.score for row in answers])).as_row()
    if part and part["judged"] and robust["missing"] > MOST_MISSING * len(answers):
        robust |= {"mean": None, "low": None, "high": None}
    controls = {control: _mean(run.controls(name, control)) for control in CONTROLS}
    strongest = max(CONTROLS, key=lambda control: -1.0 if (value := controls[control]) is None else value)
    known = [row.fidelity for row in answers]
    return {
        "run": run.letter,
        "benchmark": name,
        "title": part["title"] if part else name,
        "judged": bool(part and part["judged"]),
        "languages": len({row.language for row in answers}),
        "n": len(answers),
        "clusters": len({row.cluster for row in answers}),
        "reference": figure(scores(answers, [row.reference for row in answers])).as_row(),
        "robust": robust,
        "blind": controls["blind"],
        "control": None if controls[strongest] is None else strongest,
        "control_value": controls[strongest],
        "chance": scores(answers, [row.chance for row in answers]).mean,
        "unparsed": unparsed(answers),
        "refused": sum(row.ending == "refused" for row in answers) / len(answers),
        "fidelity": scores(answers, known).mean if any(value is not None for value in known) else None,
        "published": part["anchors"] if part else [],
    }


def _mean(answers: list[Row]) -> float | None:
    return scores(answers, [row.score for row in answers]).mean
