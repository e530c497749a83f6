"""Questions that were asked again: repeats of the same question, and rotations of its options."""

from collections.abc import Iterator
from typing import Any

from evalsuite.benchmarks import export
from evalsuite.report.finished_run import FinishedRun

Row = dict[str, Any]


def repeats(run: FinishedRun) -> list[Row]:
    """Return a row for each benchmark, or part of an export, that was asked several times."""
    return [
        {"run": run.letter, "benchmark": name, "compared": "likelihoods" if by_likelihood else "texts", **part}
        for name, part, by_likelihood in _repeats(run)
    ]


def rotations(run: FinishedRun) -> list[Row]:
    """Return a row for each benchmark that was asked with its options in other positions.

    Without a question there are no figures. Options that are compared by likelihood have no positions.
    """
    return [{"run": run.letter, "benchmark": name, "n": 0, **part} for name, part in _rotations(run)]


def _repeats(run: FinishedRun) -> Iterator[tuple[str, Row, bool]]:
    for name, part in run.results.get("repeats", {}).items():
        yield f"{export.NAME}, {name}", part, part.get("choose_by") == "likelihood"
    for part in run.published:
        if "repeats" in part:
            yield part["name"], part["repeats"], False


def _rotations(run: FinishedRun) -> Iterator[tuple[str, Row]]:
    if "rotations" in run.results:
        yield export.NAME, run.results["rotations"]
    for part in run.published:
        if "rotations" in part:
            yield part["name"], part["rotations"]
