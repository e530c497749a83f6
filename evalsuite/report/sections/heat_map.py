"""Cells of the heat map: the figure of each language of each benchmark, of each run."""

from collections.abc import Iterator
from typing import Any

from evalsuite.report.finished_run import FinishedRun, Row, export_benchmark, grouped
from evalsuite.report.published import control_of, language_name
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language

Cell = dict[str, Any]
FEW = 100
"""Fewer questions are marked: a difference of five points is smaller than their interval."""
MANY_UNPARSED = 0.05
GROUPS = ("trained", "held-out", "unknown")


def cells(run: FinishedRun) -> list[Cell]:
    """Return the cells of a run: value, interval, blind score and share of unparsed answers. None is not known."""
    found = [*_export(run), *_published(run)]
    return sorted(found, key=lambda cell: (GROUPS.index(cell["group"]), script(cell["language"]), cell["name"]))


def script(code: str) -> str:
    """Return the script of a language, `unknown` for a language that is not in the table."""
    try:
        return language(code).script
    except UserError:
        return "unknown"


def unparsed(rows: list[Row]) -> float | None:
    """Return the share of answers in which nothing was found; None where nothing has to be found."""
    known = [row.parsed for row in rows if row.parsed is not None]
    return known.count(False) / len(known) if known else None


def _export(run: FinishedRun) -> Iterator[Cell]:
    for figure in run.results["figures"]:
        if figure["language"] == "*" or figure["subset"] != "all":
            continue
        benchmark = export_benchmark(figure["split"], figure["question_type"])
        rows = grouped(run.by_benchmark.get(benchmark, []), "language").get(figure["language"], [])
        score = figure["image"]
        yield _cell(
            run, benchmark, figure["language"], figure["group"], score | {"mean": score["accuracy"]}, unparsed(rows)
        ) | {"blind": figure["blind"]["accuracy"]}


def _published(run: FinishedRun) -> Iterator[Cell]:
    for part in run.published:
        for figure in part["figures"]:
            if figure["group"] != "*":
                score = figure["robust"] | {"n": figure["n"]}
                blind = control_of(part, figure["languages"], "blind")
                cell = _cell(run, part["name"], figure["languages"], figure["group"], score, figure["unparsed"])
                yield cell | {"blind": blind and blind["mean"]}


def _cell(run: FinishedRun, benchmark: str, code: str, group: str, score: dict[str, Any], share: float | None) -> Cell:
    return {
        "run": run.letter,
        "benchmark": benchmark,
        "language": code,
        "name": language_name(code),
        "group": group,
        "n": score["n"],
        "value": score["mean"],
        "low": score["low"],
        "high": score["high"],
        "blind": None,
        "unparsed": share,
        "weak": score["n"] < FEW or (share or 0.0) > MANY_UNPARSED,
    }
