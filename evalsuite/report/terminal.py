"""Tables of accuracies and blind accuracies for the terminal."""

from typing import Any

from rich.table import Table
from rich.text import Text

from evalsuite.metrics.accuracy import find
from pangea_cultural.reference.languages import language

TITLES = {
    "dev": "Development images (for tuning)",
    "test": "Test: images that are not in training",
    "unseen": "Unseen: images of categories that are not in training",
}


def percent(score: dict[str, Any], key: str = "accuracy") -> str:
    """Return a score in percent with its interval of 95 %, such as `84.1 [80.2, 87.4]`, or `-` without a score."""
    if score[key] is None:
        return "-"
    interval = "" if score["low"] is None else f" [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
    return f"{100 * score[key]:.1f}{interval}"


def summary(results: dict[str, Any]) -> list[Table]:
    """Return one table per split, with a row per language and group, and the subsets of held-out languages."""
    tables = []
    for split in results["splits"]:
        table = Table(
            title=Text(f"{TITLES[split]}, {results['model']}, in percent, with intervals of 95 %"), title_justify="left"
        )
        for name in ("language", "questions", "4-way choice", "blind", "exact match", "blind "):
            table.add_column(name, justify="left" if name == "language" else "right")
        for row in rows(results, split):
            table.add_row(*row["cells"], style="bold" if row["is_group"] else "", end_section=row["is_group"])
        tables.append(table)
    return tables


def rows(results: dict[str, Any], split: str) -> list[dict[str, Any]]:
    """Return the rows of a split's table: cells, figure, and whether the row is for a group of languages."""
    figures = [row for row in results["figures"] if row["split"] == split]
    table_rows = []
    for choice in (row for row in figures if row["question_type"] == "choice"):
        keys = {key: choice[key] for key in ("split", "group", "language", "subset")}
        open_ = find(figures, **keys, question_type="open")
        table_rows.append(
            {
                "cells": [
                    row_name(choice),
                    str(choice["image"]["n"]),
                    percent(choice["image"]),
                    percent(choice["blind"]),
                    percent(open_["image"]) if open_ else "-",
                    percent(open_["blind"]) if open_ else "-",
                ],
                "is_group": choice["language"] == "*" and choice["subset"] in ("all", "novel"),
                "figure": choice,
            }
        )
    return table_rows


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
