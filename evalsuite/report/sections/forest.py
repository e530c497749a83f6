"""Rows of the forest plot: differences of two runs, or of one run and its strongest control, with intervals."""

from typing import Any

from evalsuite.report import terminal
from evalsuite.report.finished_run import FinishedRun, export_benchmark
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
    """Return how much better groups of languages are answered with the image than under the strongest control."""
    rows = []
    for figure in run.results["figures"]:
        found = figure["strongest"]
        if figure["language"] != "*" or found is None or found["gain"] is None:
            continue
        # Shared answers make up nearly all of a score in held-out languages, so a gain of both together misleads.
        if figure["group"] == "held-out" and figure["subset"] == "all":
            continue
        control = terminal.CONTROL_NAMES[found["control"]]
        shown = terminal.is_shown(figure)
        group = terminal.row_name(figure).strip()
        part = export_benchmark(figure["split"], figure["question_type"])
        row = {
            "pair": f"{run.letter}, image - {control}",
            "family": CONTROLS,
            "name": f"{part}: {group if figure['subset'] == 'all' else 'held out, ' + group}",
            "n": found["n"],
            "a": figure["image"]["accuracy"],
            "b": figure[found["control"]]["accuracy"],
            "difference": found["gain"],
            "low": found["low"],
            "high": found["high"],
            "p_adjusted": None,
            "margin": None,
            "lower_bound": None,
            "verdict": "gain shown" if shown else "no gain shown",
            "text": f'gain over "{control}" shown' if shown else f'no gain by the image is shown, over "{control}"',
        }
        rows.append(row)
    return rows


def with_letters(text: str, letters: tuple[str, str]) -> str:
    """Return a verdict with the letters of two runs of the report."""
    for stands_for, letter in zip((families.A, families.B), letters, strict=True):
        if text == stands_for:
            return f"{letter} better"
    return text
