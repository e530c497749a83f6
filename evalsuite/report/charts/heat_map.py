"""The heat map of languages and benchmarks, with a tab for each kind of figure."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from evalsuite.report.charts.vega import Chart, Values, rendered

CELL_WIDTH, CELL_HEIGHT = 46, 21
GROUPS = {"trained": "trained", "held-out": "held out", "unknown": "training unknown"}
DARK, LIGHT = "#101816", "#ffffff"
LARGEST_DIFFERENCE = 30
"""Difference in points at which the color of the map ends."""


def tabs(
    cells: Sequence[dict[str, Any]], comparisons: Sequence[dict[str, Any]], letters: Sequence[str], order: Sequence[str]
) -> list[Chart]:
    """Return the maps: the values of each run, the differences, the blind controls and the unparsed answers.

    Args:
        cells: cells of all runs.
        comparisons: comparisons of the first run with each other one.
        letters: letters of the runs.
        order: benchmarks in the order of the columns.
    """
    charts = [_shares(cells, letter, "value", f"value, {letter}", order) for letter in letters]
    charts += [_differences(found, cells, order) for found in comparisons]
    for key, name in (("blind", "blind, {}"), ("unparsed", "unparsed, {}")):
        charts += [_shares(cells, letter, key, name.format(letter), order) for letter in letters]
    return [chart for chart in charts if chart is not None]


def _shares(cells: Sequence[dict[str, Any]], letter: str, key: str, title: str, order: Sequence[str]) -> Chart | None:
    """Return the map of a share from 0 to 1, in percent; None if no cell has one."""
    values = []
    for cell in cells:
        if cell["run"] != letter or cell[key] is None:
            continue
        percent = round(100 * cell[key], 1)
        weak = cell["weak"] and key != "unparsed"
        interval = ""
        if key == "value" and cell["low"] is not None:
            interval = f" [{100 * cell['low']:.1f}, {100 * cell['high']:.1f}]"
        values.append(
            _place(cell)
            | {
                "value": percent,
                "label": f"{percent:.0f}{'*' if weak else ''}",
                "ink": DARK if percent > 50 else LIGHT,
                "figure": f"{percent:.1f} %{interval} of {cell['n']:,}",
            }
        )
    color = alt.Color(
        "value:Q",
        title="percent",
        scale=alt.Scale(scheme="cividis", domain=[0, 100]),
        legend=alt.Legend(gradientLength=90),
    )
    return _map(title, values, color, order) if values else None


def _differences(comparison: dict[str, Any], cells: Sequence[dict[str, Any]], order: Sequence[str]) -> Chart | None:
    """Return the map of differences in points. An arrow marks those that are shown."""
    a, b = comparison["letters"]
    names = {(cell["benchmark"], cell["language"]): cell for cell in cells}
    found = {(row["benchmark"], row["language"]): row for row in comparison["cells"] if row["difference"] is not None}
    values = []
    # Languages stand in the order of the other maps.
    for key, cell in names.items():
        if key not in found:
            continue
        row = found[key]
        points = round(100 * row["difference"], 1)
        arrow = {"A better": "▲", "B better": "▼"}.get(row["verdict"], "")
        low, high = row["low"], row["high"]
        interval = "" if low is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
        values.append(
            _place(cell | {"group": row["group"]})
            | {
                "value": points,
                "label": f"{points:+.0f}{arrow}",
                "ink": LIGHT if abs(points) > 0.7 * LARGEST_DIFFERENCE else DARK,
                "figure": f"{points:+.1f}{interval} points, {row['n']:,} questions"
                + (f", {a if arrow == '▲' else b} better" if arrow else ", no difference shown"),
            }
        )
    scale = alt.Scale(scheme="purpleorange", reverse=True, domain=[-LARGEST_DIFFERENCE, LARGEST_DIFFERENCE], clamp=True)
    color = alt.Color("value:Q", title="points", scale=scale, legend=alt.Legend(gradientLength=90))
    return _map(f"difference, {a} - {b}", values, color, order) if values else None


def _place(cell: dict[str, Any]) -> dict[str, Any]:
    return {"language": cell["name"], "benchmark": cell["benchmark"], "group": GROUPS[cell["group"]]}


def _map(title: str, values: Values, color: alt.Color, order: Sequence[str]) -> Chart:
    # The map of a group has all benchmarks, so that its columns stand below those of the others.
    present = {value["benchmark"]: None for value in values}
    names = alt.Scale(domain=[name for name in dict.fromkeys((*order, *present)) if name in present])
    base = alt.Chart().encode(
        x=alt.X("benchmark:N", sort=None, title=None, scale=names, axis=alt.Axis(orient="top", labelAngle=-40)),
        y=alt.Y("language:N", sort=None, title=None),
    )
    tooltip = [alt.Tooltip(f"{name}:N") for name in ("language", "benchmark", "figure")]
    parts: list[alt.LayerChart] = []
    datasets: dict[str, Values] = {}
    for group in (name for name in GROUPS.values() if any(value["group"] == name for value in values)):
        datasets[group] = [value for value in values if value["group"] == group]
        shade = color if not parts else color.copy().legend(None)
        cells = base.mark_rect(stroke="white").encode(color=shade, tooltip=tooltip)
        texts = base.mark_text(fontSize=11).encode(text="label:N", color=alt.Color("ink:N", scale=None))
        header = alt.TitleParams(group, anchor="start", fontSize=13)
        parts.append(
            alt.layer(cells, texts, data=alt.NamedData(group))
            .properties(width=alt.Step(CELL_WIDTH), height=alt.Step(CELL_HEIGHT), title=header)
            .resolve_scale(color="independent")
        )
    return rendered(title, alt.vconcat(*parts), datasets)
