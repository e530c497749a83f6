"""The HTML report: one file with accuracies, controls, example images and provenance."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from evalsuite.metrics.accuracy import CHANCE, find
from evalsuite.report import published, terminal
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language
from pangea_cultural.utils import pages
from pangea_cultural.utils.files import read_json, write_bytes

matplotlib.use("svg")
import matplotlib.pyplot as plt

COLORS = {"image": "#0b6e4f", "blind": "#c9b79c", "gray": "#9aa5a0", "text": "#d7c36a", "frequent": "#8f6f8f"}
COLORS |= {"words": "#56789a", "shared": "#3a7ca5", "novel": "#d1495b", "loss": "#0b6e4f"}


def write(runs: Sequence[Path], path: Path) -> None:
    """Write the report of one or more runs.

    Raises:
        UserError: a folder is not a finished run.
    """
    sections = [_section(run) for run in runs]
    template = pages.template("evalsuite.report", "templates/report.html")
    write_bytes(
        path,
        template.render(
            sections=sections, language=language, headers=published.HEADERS, columns=terminal.HEADERS
        ).encode(),
    )


def _section(run: Path) -> dict[str, Any]:
    if not (run / "results.json").is_file():
        raise UserError(f"{run} is not a finished run. Create one with `pcult eval`.")
    results = read_json(run / "results.json")
    section = {"run": run.name, "results": results, "published": _published(results)}
    # A run of published benchmarks only has no export.
    return section | (_export_section(run, results) if "export" in results else {"manifest": None})


def _published(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "benchmark": benchmark,
            "title": published.title(benchmark),
            "rows": [{"figure": row, "cells": published.cells(row)} for row in benchmark["figures"]],
            "more": published.more_rows(benchmark),
            "notes": published.notes(benchmark),
        }
        for benchmark in results.get("benchmarks", [])
    ]


def _export_section(run: Path, results: dict[str, Any]) -> dict[str, Any]:
    content = read_json(run / "examples.json")
    return {
        "headline": _headline(results),
        "outcome": published.outcome(results),
        "splits": [
            {
                "name": split,
                "title": terminal.TITLES[split],
                "tables": [
                    {"metric": metric, "rows": terminal.rows(results, split, question_type)}
                    for question_type, metric in terminal.METRICS.items()
                ],
                "plot": _plot(results, split),
            }
            for split in results["splits"]
        ],
        "held_out_plots": [plot for split in results["splits"] if (plot := _held_out_plot(results, split))],
        "loss_plot": _loss_plot(results["training"]) if results["training"] else "",
        "examples": _examples(run, content),
        "credits": content["credits"],
        "manifest": results["export"],
        "training": results["training"],
    }


def _headline(results: dict[str, Any]) -> list[dict[str, str]]:
    """Return the cards at the top of the page: accuracies, each with its strongest control."""
    cards = []
    for split, group, subset, title in (
        ("test", "trained", "all", "Trained languages"),
        ("unseen", "trained", "all", "Unseen images, trained languages"),
        ("test", "unknown", "all", "All languages"),
        ("unseen", "unknown", "all", "Unseen images, all languages"),
        ("test", "held-out", "shared", "Held-out languages, answer also in a trained language"),
        ("test", "held-out", "novel", "Held-out languages, novel answer"),
    ):
        keys = {"split": split, "group": group, "subset": subset, "language": "*"}
        choice = find(results["figures"], question_type="choice", **keys)
        exact = find(results["figures"], question_type="open", **keys)
        if choice and exact and choice["image"]["n"]:
            cards.append(
                {
                    "title": title,
                    "value": f"{100 * choice['image']['accuracy']:.1f} %",
                    "control": f"4-way choice of {choice['image']['n']:,} questions; {_control(choice)}; "
                    f"by chance {100 * CHANCE['choice']:.0f} %",
                    "exact": f"exact match {terminal.percent(exact['image'])} % of {exact['image']['n']:,}; "
                    f"{_control(exact)}",
                }
            )
    return cards


def _control(figure: dict[str, Any]) -> str:
    """Return what a card says about the strongest control."""
    strongest = figure["strongest"]
    if strongest is None:
        return "no control was asked"
    name = terminal.CONTROL_NAMES[strongest["control"]]
    score = f"{name} {100 * figure[strongest['control']]['accuracy']:.1f} %"
    if terminal.is_shown(figure):
        return f"{score}, {terminal.gain(figure)[0]} points with the image"
    return f"{score}: no gain by the image is shown"


def _plot(results: dict[str, Any], split: str) -> str:
    """Return a plot of the choice accuracy of each language, with the image and under each control."""
    figures = [
        row
        for row in results["figures"]
        if row["split"] == split
        and row["question_type"] == "choice"
        and row["subset"] == "all"
        and row["language"] != "*"
    ]
    names = [language(row["language"]).name + ("\n(held out)" if row["group"] == "held-out" else "") for row in figures]
    figure, axes = plt.subplots(figsize=(8, 3.2))
    bars = {"image": "with the image"} | terminal.CONTROL_NAMES
    width = 0.8 / len(bars)
    for number, (condition, label) in enumerate(bars.items()):
        heights = [row[condition]["accuracy"] or 0 for row in figures]
        errors = _error_bars([row[condition] for row in figures])
        positions = [place + (number - (len(bars) - 1) / 2) * width for place in range(len(figures))]
        color = COLORS[condition]
        axes.bar(positions, heights, width, yerr=errors, color=color, label=label, ecolor="#555", capsize=1)
    axes.axhline(CHANCE["choice"], color="#555", linewidth=0.8, linestyle="--", label="chance")
    axes.set_xticks(range(len(figures)), names)
    axes.set_ylim(0, 1)
    axes.set_ylabel("4-way choice accuracy")
    axes.legend(frameon=False, ncols=6, loc="upper center", bbox_to_anchor=(0.5, 1.18), fontsize=8)
    return _svg(figure)


def _error_bars(scores: list[dict[str, Any]]) -> list[list[float]]:
    """Return the lengths of the error bars below and above each accuracy."""
    known = [score if score["low"] is not None else {"accuracy": 0.0, "low": 0.0, "high": 0.0} for score in scores]
    return [
        [score["accuracy"] - score["low"] for score in known],
        [score["high"] - score["accuracy"] for score in known],
    ]


def _held_out_plot(results: dict[str, Any], split: str) -> str:
    """Return a plot of the choice accuracy of each held-out language, for shared and for novel answers."""
    rows = [
        row
        for row in results["figures"]
        if row["split"] == split and row["question_type"] == "choice" and row["group"] == "held-out"
    ]
    codes = list(dict.fromkeys(row["language"] for row in rows if row["language"] != "*"))
    if not codes:
        return ""
    figure, axes = plt.subplots(figsize=(8, 2.8))
    for offset, subset, label in (
        (-0.2, "shared", "answer also in a trained language"),
        (0.2, "novel", "novel answer"),
    ):
        scores = [
            (find(rows, language=code, subset=subset) or {"image": {"accuracy": 0, "n": 0}})["image"] for code in codes
        ]
        bars = axes.bar(
            [i + offset for i in range(len(codes))],
            [score["accuracy"] or 0 for score in scores],
            0.38,
            color=COLORS[subset],
            label=label,
        )
        axes.bar_label(bars, [f"n={score['n']}" for score in scores], fontsize=8, color="#555")
    axes.axhline(CHANCE["choice"], color="#555", linewidth=0.8, linestyle="--", label="chance")
    axes.set_xticks(range(len(codes)), [f"{language(code).name}, {split}" for code in codes])
    axes.set_ylim(0, 1.08)
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.22))
    return _svg(figure)


def _loss_plot(training: dict[str, Any]) -> str:
    figure, panels = plt.subplots(1, len(training["stages"]), figsize=(8, 2.4), squeeze=False)
    for axes, stage in zip(panels[0], training["stages"], strict=True):
        axes.plot([e["step"] for e in stage["log"]], [e["loss"] for e in stage["log"]], color=COLORS["loss"])
        axes.set_title(f"{stage['stage']} ({stage['seconds']:.0f} s)", fontsize=10)
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
    panels[0][0].set_ylabel("training loss")
    return _svg(figure)


def _svg(figure: Any) -> str:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    # Inside HTML only the element itself is allowed. It shrinks with the page.
    return text[text.index("<svg") :].replace("<svg ", '<svg style="width:100%;height:auto" ', 1)


def _examples(run: Path, content: dict[str, Any]) -> list[dict[str, Any]]:
    return [example | {"src": _image(run / "examples" / example["file"])} for example in content["examples"]]


def _image(path: Path) -> str:
    image_type = {".jpg": "jpeg"}.get(path.suffix, path.suffix[1:])
    return f"data:image/{image_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
