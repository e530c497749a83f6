"""The content of a report, as it is in report.json: the page and report.md show the same."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from evalsuite.report.finished_run import FinishedRun
from evalsuite.report.sections import again, benchmarks, cost, cuts, examples, forest, heat_map, held_out, repeat
from evalsuite.report.verdicts import tables
from evalsuite.report.verdicts.comparison import compare_runs
from pangea_cultural.errors import UserError

SCHEMA = 2
"""Version of report.json. It rises when the meaning of a key changes."""


def opened(folders: Sequence[Path]) -> list[FinishedRun]:
    """Return the runs of a report, with their letters.

    Raises:
        UserError: there are more runs than letters.
    """
    if len(folders) > len(ascii_uppercase):
        raise UserError(f"A report has at most {len(ascii_uppercase)} runs. Name fewer.")
    return [FinishedRun(folder, letter) for folder, letter in zip(folders, ascii_uppercase, strict=False)]


def content(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """Return the content of the report about runs, the first of which is compared with each other one.

    Raises:
        UserError: a folder is not a finished run, or two runs have no question in common.
    """
    comparisons = [_comparison(runs[0], other) for other in runs[1:]]
    plotted = [row for found in comparisons for row in forest.of_comparison(found, tuple(found["letters"]))]
    return {
        "schema": SCHEMA,
        "runs": [_about(run) for run in runs],
        "comparisons": comparisons,
        "forest": plotted if comparisons else forest.of_controls(runs[0]),
        "heat_map": [cell for run in runs for cell in heat_map.cells(run)],
        "benchmarks": [row for run in runs for row in benchmarks.rows(run)],
        "held_out": [row for run in runs for row in held_out.rows(run)],
        "cuts": [row for run in runs for row in cuts.rows(run)],
        "repeats": [row for run in runs for row in again.repeats(run)],
        "rotations": [row for run in runs for row in again.rotations(run)],
        "examples": examples.examples(runs),
        "cost": [row for run in runs for row in cost.rows(run)],
        "repeat": [repeat.record(run) for run in runs],
    }


def _comparison(a: FinishedRun, b: FinishedRun) -> dict[str, Any]:
    found = compare_runs(a.folder, b.folder)
    return found | {"letters": [a.letter, b.letter], "notes": tables.notes(found), "cuts": cuts.differences(a, b)}


def _about(run: FinishedRun) -> dict[str, Any]:
    return {
        "run": run.letter,
        "folder": str(run.folder),
        "model": run.results["model"],
        "statements": run.results.get("statements", []),
        "trained": run.results.get("languages", {}).get("trained", []),
    }
