"""Rows of the forest plot: differences of two runs, or of one run and its strongest control, with intervals."""

from collections.abc import Iterator
from typing import Any

from evalsuite.metrics.control_figures import ALL
from evalsuite.report import terminal
from evalsuite.report.finished_run import FinishedRun, export_benchmark
from evalsuite.report.published import control_of
from evalsuite.report.verdicts import families
from evalsuite.report.verdicts.tables import verdict

CLAIMS, BENCHMARKS, CONTROLS = "claims fixed beforehand", "benchmarks", "image against the strongest control"
Row = dict[str, Any]


def of_comparison(comparison: dict[str, Any], letters: tuple[str, str]) -> list[Row]:
    """Return a row for each claim and each benchmark that the runs have in common."""
    pair = f"{letters[0]} - {letters[1]}"
    return [
        {
            "pair": pair,
            "family": family,
            "name": row["name"],
            **{key: row[key] for key in ("n", "a", "b", "difference", "low", "high", "p_adjusted")},
            "margin": row.get("margin"),
            "lower_bound": row.get("lower_bound"),
            "verdict": with_letters(row["verdict"], letters),
            "text": with_letters(verdict(row), letters),
        }
        for family, rows in ((CLAIMS, comparison["confirmatory"]), (BENCHMARKS, comparison["benchmarks"]))
        for row in rows
    ]


def of_controls(run: FinishedRun) -> list[Row]:
    """Return how much better questions are answered with their image than under the strongest control.

    Those of an export are in groups of languages. Those of a published benchmark are in all its languages, which weigh
    the same.
    """
    return [*_of_export(run), *_of_published(run)]


def _of_export(run: FinishedRun) -> Iterator[Row]:
    for figure in run.results["figures"]:
        found = figure["strongest"]
        if figure["language"] != "*" or found is None or found["gain"] is None:
            continue
        # Shared answers make up nearly all of a score in held-out languages, so a gain of both together misleads.
        if figure["group"] == "held-out" and figure["subset"] == "all":
            continue
        group = terminal.row_name(figure).strip()
        part = export_benchmark(figure["split"], figure["question_type"])
        name = f"{part}: {group if figure['subset'] == 'all' else 'held out, ' + group}"
        yield _gain(run, name, found, figure["image"]["accuracy"], figure[found["control"]]["accuracy"])


def _of_published(run: FinishedRun) -> Iterator[Row]:
    for part in run.published:
        found = control_of(part, ALL, "strongest")
        if found is not None and found["gain"] is not None:
            image = found.get("image")
            yield _gain(run, part["name"], found, image, None if image is None else image - found["gain"])


def _gain(run: FinishedRun, name: str, found: dict[str, Any], image: float | None, control: float | None) -> Row:
    title = terminal.CONTROL_NAMES[found["control"]]
    shown = terminal.gain_is_shown(found)
    return {
        "pair": f"{run.letter}, image - {title}",
        "family": CONTROLS,
        "name": name,
        "n": found["n"],
        "a": image,
        "b": control,
        "difference": found["gain"],
        "low": found["low"],
        "high": found["high"],
        "p_adjusted": None,
        "margin": None,
        "lower_bound": None,
        "verdict": "gain shown" if shown else "no gain shown",
        "text": f'gain over "{title}" shown' if shown else f'no gain by the image is shown, over "{title}"',
    }


def with_letters(text: str, letters: tuple[str, str]) -> str:
    """Return a verdict with the letters of two runs of the report."""
    for stands_for, letter in zip((families.A, families.B), letters, strict=True):
        if text == stands_for:
            return f"{letter} better"
    return text
