"""Tables of accuracies with their controls, for the terminal and the HTML report."""

from typing import Any

from rich.table import Table
from rich.text import Text

from evalsuite.metrics.accuracy import CONTROLS
from pangea_cultural.reference.languages import language

TITLES = {
    "dev": "Development images (for tuning)",
    "test": "Test: images that are not in training",
    "unseen": "Unseen: images of categories that are not in training",
}

METRICS = {"choice": "4-way choice", "open": "exact match"}
CONTROL_NAMES = {
    "blind": "other image",
    "gray": "gray image",
    "text": "no image",
    "frequent": "most frequent",
    "words": "text guesser",
}
HEADERS = ("language", "questions", "image", "by sum", *(CONTROL_NAMES[name] for name in CONTROLS), "gain", "over")
"""Columns of a table. `by sum`: accuracy with the image if options are compared by the sum of log-probabilities."""


def percent(score: dict[str, Any], key: str = "accuracy") -> str:
    """Return a score in percent with its interval of 95 %, such as `84.1 [80.2, 87.4]`, or `-` without a score."""
    if score[key] is None:
        return "-"
    interval = "" if score["low"] is None else f" [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
    return f"{100 * score[key]:.1f}{interval}"


def summary(results: dict[str, Any]) -> list[Table]:
    """Return one table per split and question type, with a row per language and group, and the subsets of groups."""
    tables = []
    for split in results["splits"]:
        for question_type, metric in METRICS.items():
            title = f"{TITLES[split]}: {metric} of {results['model']}, in percent, with intervals of 95 %"
            table = Table(title=Text(title), title_justify="left")
            for name in HEADERS:
                table.add_column(name, justify="left" if name in ("language", "over") else "right", overflow="fold")
            for row in rows(results, split, question_type):
                table.add_row(*row["cells"], style="bold" if row["is_group"] else "", end_section=row["is_group"])
            tables.append(table)
    return tables


def rows(results: dict[str, Any], split: str, question_type: str) -> list[dict[str, Any]]:
    """Return the rows of a table: cells, figure, and whether the row is for a group of languages."""
    figures = [row for row in results["figures"] if row["split"] == split and row["question_type"] == question_type]
    return [
        {
            "cells": [
                row_name(figure),
                str(figure["image"]["n"]),
                percent(figure["image"]),
                _share(figure["image"]["accuracy_by_sum"]),
                *(_control(figure, name) for name in CONTROLS),
                *gain(figure),
            ],
            "is_group": figure["language"] == "*" and figure["subset"] in ("all", "novel"),
            "figure": figure,
        }
        for figure in figures
    ]


def _control(figure: dict[str, Any], name: str) -> str:
    """Return the accuracy under a control, with its number of questions if that differs."""
    score = figure[name]
    if score["accuracy"] is None:
        return "-"
    other = "" if score["n"] == figure["image"]["n"] else f" (of {score['n']})"
    return f"{100 * score['accuracy']:.1f}{other}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def gain(figure: dict[str, Any]) -> tuple[str, str]:
    """Return how much higher the accuracy with the image is than under the strongest control, and that control."""
    strongest = figure["strongest"]
    if strongest is None or strongest["gain"] is None:
        return "-", "-"
    interval = "" if strongest["low"] is None else f" [{100 * strongest['low']:+.1f}, {100 * strongest['high']:+.1f}]"
    return f"{100 * strongest['gain']:+.1f}{interval}", CONTROL_NAMES[strongest["control"]]


def is_shown(figure: dict[str, Any]) -> bool:
    """Return whether the image helps beyond the strongest control: the interval of the gain is above zero."""
    return figure["strongest"] is not None and gain_is_shown(figure["strongest"])


def gain_is_shown(gain: dict[str, Any]) -> bool:
    """Return whether the interval of a gain is above zero."""
    return gain["low"] is not None and gain["low"] > 0


def row_name(figure: dict[str, Any]) -> str:
    """Return the name of a row: language and group, or the subset."""
    if figure["subset"] == "shared":
        return "  answer also in a trained language"
    if figure["subset"] == "novel":
        return "  novel answer"
    group = {"trained": "trained", "held-out": "held out", "unknown": ""}[figure["group"]]
    if figure["language"] == "*":
        return f"all {group or 'languages'}"
    return ", ".join(filter(None, (language(figure["language"]).name, group)))
