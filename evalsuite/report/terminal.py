"""Figures as tables for the terminal: no accuracy without its controls."""

from typing import Any

from rich.table import Table

from evalsuite.metrics.accuracy import find
from pangea_cultural.reference.languages import language

TITLES = {
    "dev": "Development images (for tuning)",
    "test": "Test: other views of the drawings or photos that training saw",
    "unseen": "Unseen: images from a source that training never saw",
}


def percent(score: dict[str, Any]) -> str:
    """An accuracy with its standard error: `84.1 ±1.9`.

    Where all answers are right, or all wrong, the estimate of the error is zero, which says nothing: it is left out.
    """
    if score["accuracy"] is None:
        return "-"
    error = "" if not score["stderr"] else f" ±{100 * score['stderr']:.1f}"
    return f"{100 * score['accuracy']:.1f}{error}"


def summary(results: dict[str, Any]) -> list[Table]:
    """One table a split: a row a language and group, held-out languages with their subsets."""
    tables = []
    for split in results["splits"]:
        table = Table(title=f"{TITLES[split]}, {results['model']}, in percent", title_justify="left")
        for name in ("language", "questions", "4-way choice", "blind", "exact match", "blind "):
            table.add_column(name, justify="left" if name == "language" else "right")
        for row in rows(results, split):
            table.add_row(*row["cells"], style="bold" if row["whole"] else "", end_section=row["whole"])
        tables.append(table)
    return tables


def rows(results: dict[str, Any], split: str) -> list[dict[str, Any]]:
    """The rows of a split's table: cells, and whether the row stands for a whole group of languages."""
    figures = [row for row in results["figures"] if row["split"] == split]
    made = []
    for choice in (row for row in figures if row["question_type"] == "choice"):
        same = {key: choice[key] for key in ("split", "group", "language", "subset")}
        open_ = find(figures, **same, question_type="open")
        made.append(
            {
                "cells": [
                    name_of(choice),
                    str(choice["image"]["n"]),
                    percent(choice["image"]),
                    percent(choice["blind"]),
                    percent(open_["image"]) if open_ else "-",
                    percent(open_["blind"]) if open_ else "-",
                ],
                "whole": choice["language"] == "*" and choice["subset"] in ("all", "novel"),
                "figure": choice,
            }
        )
    return made


def name_of(figure: dict[str, Any]) -> str:
    """What a row is about, in words."""
    group = "trained in" if figure["group"] == "trained" else "held out"
    name = f"all {group}" if figure["language"] == "*" else f"{language(figure['language']).name}, {group}"
    if figure["subset"] == "shared":
        return "  answer also in a trained language"
    return "  novel answer" if figure["subset"] == "novel" else name
