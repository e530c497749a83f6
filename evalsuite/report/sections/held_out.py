"""Figures of held-out languages: shared and novel answers of exports, and means over trained and held-out languages."""

from collections.abc import Iterator
from typing import Any

from evalsuite.report.finished_run import FinishedRun, export_benchmark
from evalsuite.report.published import control_of

SUBSETS = {"all": "all answers", "shared": "answer also in a trained language", "novel": "novel answer"}


def rows(run: FinishedRun) -> list[dict[str, Any]]:
    """Return the rows of a run. `language` is `*` for a mean over languages."""
    return [*_export(run), *_published(run)]


def _export(run: FinishedRun) -> Iterator[dict[str, Any]]:
    for figure in run.results["figures"]:
        mean_of_trained = figure["group"] == "trained" and figure["language"] == "*"
        if figure["group"] != "held-out" and not mean_of_trained:
            continue
        strongest = figure["strongest"]
        control = strongest and strongest["control"]
        yield _row(run, export_benchmark(figure["split"], figure["question_type"]), figure, figure["image"]) | {
            "language": figure["language"],
            "answers": figure["subset"],
            "value": figure["image"]["accuracy"],
            "blind": figure["blind"]["accuracy"],
            "control": control,
            "control_value": figure[control]["accuracy"] if control else None,
            "gain": {key: strongest[key] for key in ("gain", "low", "high")} if strongest else None,
        }


def _published(run: FinishedRun) -> Iterator[dict[str, Any]]:
    for part in run.published:
        means = [row for row in part["figures"] if row["group"] == "*" and row["languages"] in ("trained", "held-out")]
        single = [row for row in part["figures"] if row["group"] == "held-out"]
        for figure in (*means, *single):
            is_mean = figure["group"] == "*"
            group = figure["languages"] if is_mean else "held-out"
            blind, strongest = (control_of(part, figure["languages"], name) for name in ("blind", "strongest"))
            yield _row(run, part["name"], figure | {"group": group}, figure["robust"] | {"n": figure["n"]}) | {
                "language": "*" if is_mean else figure["languages"],
                "answers": "all",
                "value": figure["robust"]["mean"],
                "blind": blind and blind["mean"],
                "control": strongest and strongest["control"],
                "control_value": strongest and strongest["value"],
                "gain": {key: strongest[key] for key in ("gain", "low", "high")} if strongest else None,
            }


def _row(run: FinishedRun, benchmark: str, figure: dict[str, Any], score: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": run.letter,
        "benchmark": benchmark,
        "group": figure["group"],
        "n": score["n"],
        "low": score["low"],
        "high": score["high"],
    }
