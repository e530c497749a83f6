"""Charts about an export: accuracies with their controls, held-out languages, and the loss of the training."""

from typing import Any

import altair as alt

from evalsuite.metrics.accuracy import CHANCE
from evalsuite.report.charts.vega import Chart, Values, rendered
from evalsuite.report.terminal import CONTROL_NAMES
from pangea_cultural.reference.languages import language

LOOKS = {
    "with the image": ("#0b6e4f", "circle"),
    CONTROL_NAMES["blind"]: ("#b35806", "square"),
    CONTROL_NAMES["gray"]: ("#6b7671", "cross"),
    CONTROL_NAMES["text"]: ("#a08a00", "triangle-up"),
    CONTROL_NAMES["frequent"]: ("#5e3c99", "diamond"),
    CONTROL_NAMES["words"]: ("#2b6ca3", "triangle-down"),
}
"""Color and shape of each condition."""
SUBSETS = {"shared": "answer also in a trained language", "novel": "novel answer"}
SUBSET_LOOKS = {SUBSETS["shared"]: ("#5e3c99", "square"), SUBSETS["novel"]: ("#b35806", "circle")}
WIDTH, ROW_HEIGHT = 380, 26
DATA = "figures"


def controls(figures: list[dict[str, Any]], split: str, letter: str) -> Chart | None:
    """Return the accuracies of choice questions in each language, with the image and under each control."""
    conditions = {"image": "with the image"} | CONTROL_NAMES
    values = [
        _value(row[condition], name, _name(row["language"]) + (", held out" if row["group"] == "held-out" else ""))
        for row in _choice(figures, split)
        if row["subset"] == "all" and row["language"] != "*"
        for condition, name in conditions.items()
        if row[condition]["accuracy"] is not None
    ]
    return _points(f"{letter}: 4-way choice by language, {split}", values, LOOKS) if values else None


def held_out(figures: list[dict[str, Any]], split: str, letter: str) -> Chart | None:
    """Return the accuracies of choice questions in held-out languages, for shared and for novel answers."""
    values = [
        _value(row["image"], SUBSETS[row["subset"]], _name(row["language"]))
        for row in _choice(figures, split)
        if row["group"] == "held-out" and row["subset"] in SUBSETS and row["language"] != "*"
        if row["image"]["accuracy"] is not None
    ]
    return _points(f"{letter}: held-out languages, 4-way choice, {split}", values, SUBSET_LOOKS) if values else None


def losses(training: dict[str, Any]) -> Chart | None:
    """Return the losses of the stages of a training; None if it is not known."""
    values = [
        {"stage": stage["stage"], "step": point["step"], "loss": point["loss"]}
        for stage in (training or {}).get("stages", [])
        for point in stage["log"]
    ]
    if not values:
        return None
    chart = (
        alt.Chart(alt.NamedData(DATA))
        .mark_line(color=LOOKS["with the image"][0])
        .encode(
            x=alt.X("step:Q"),
            y=alt.Y("loss:Q", title="training loss", scale=alt.Scale(zero=True)),
            column=alt.Column("stage:N", sort=None),
        )
        .properties(width=260, height=160)
        .resolve_scale(x="independent")
    )
    return rendered("Loss of the training", chart, {DATA: values}, fits=True)


def _choice(figures: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    return [row for row in figures if row["split"] == split and row["question_type"] == "choice"]


def _name(code: str) -> str:
    return language(code).name


def _value(score: dict[str, Any], condition: str, name: str) -> dict[str, Any]:
    percent = {key: None if score[key] is None else round(100 * score[key], 1) for key in ("accuracy", "low", "high")}
    interval = "" if percent["low"] is None else f" [{percent['low']:.1f}, {percent['high']:.1f}]"
    figure = f"{percent['accuracy']:.1f} %{interval} of {score['n']:,}"
    return percent | {"condition": condition, "language": name, "figure": figure, "chance": 100 * CHANCE["choice"]}


def _points(title: str, values: Values, looks: dict[str, tuple[str, str]]) -> Chart:
    """Return points with intervals, one row for each language. The dashed line is chance."""
    domain = list(looks)
    color = alt.Color(
        "condition:N",
        sort=domain,
        title=None,
        scale=alt.Scale(domain=domain, range=[look[0] for look in looks.values()]),
        legend=alt.Legend(orient="top"),
    )
    shape = alt.Shape(
        "condition:N",
        sort=domain,
        title=None,
        scale=alt.Scale(domain=domain, range=[look[1] for look in looks.values()]),
    )
    rows = alt.Y("language:N", sort=None, title=None)
    shifts = alt.YOffset("condition:N", sort=domain)
    accuracy = alt.X("accuracy:Q", title="accuracy in percent", scale=alt.Scale(domain=[0, 100]))
    base = alt.Chart().encode(y=rows, yOffset=shifts, color=color)
    tooltip = [alt.Tooltip(f"{name}:N") for name in ("language", "condition", "figure")]
    layers = [
        alt.Chart().mark_rule(strokeDash=[4, 3], color="#5d6b66").encode(x="chance:Q"),
        base.mark_rule().encode(x="low:Q", x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=accuracy, shape=shape, tooltip=tooltip),
    ]
    chart = alt.layer(*layers, data=alt.NamedData(DATA)).properties(
        width=WIDTH, height={"step": max(ROW_HEIGHT, 11 * len(looks)), "for": "position"}
    )
    return rendered(title, chart, {DATA: values}, fits=True)
