"""The heat map of languages and benchmarks, with a tab for each kind of figure."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from evalsuite.report.charts.vega import Chart, Values, rendered
from evalsuite.report.tables.table import anchor

Block = alt.LayerChart | alt.FacetChart
CELL_WIDTH, CELL_HEIGHT, BAR_HEIGHT = 46, 21, 52
"""Pixels."""
GROUPS = {"trained": "trained", "held-out": "held out", "unknown": "training unknown"}
DARK, LIGHT = "#101816", "#ffffff"
HATCH = "M-2.1,1L-1.1,-1M-1.1,1L-0.1,-1M-0.1,1L0.9,-1M0.9,1L1.9,-1"
"""Lines over a cell, as an SVG path. The unit is half the height of a cell."""
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
                "hatched": False,
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
    return _map(title, values, color, order, (0, 100)) if values else None


def _differences(comparison: dict[str, Any], cells: Sequence[dict[str, Any]], order: Sequence[str]) -> Chart | None:
    """Return the map of differences in points. An arrow marks those that are shown, lines the others."""
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
        dark = abs(points) > 0.7 * LARGEST_DIFFERENCE
        low, high = row["low"], row["high"]
        interval = "" if low is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
        values.append(
            _place(cell | {"group": row["group"]})
            | {
                "value": points,
                "label": f"{_whole(points, '+')}{arrow}",
                "hatched": not arrow,
                "line": LIGHT if dark else DARK,
                # A hatched cell has a white edge around its label.
                "ink": LIGHT if dark and arrow else DARK,
                "figure": f"{points:+.1f}{interval} points, {row['n']:,} questions"
                + (f", {a if arrow == '▲' else b} better" if arrow else ", no difference shown"),
            }
        )
    scale = alt.Scale(scheme="purpleorange", reverse=True, domain=[-LARGEST_DIFFERENCE, LARGEST_DIFFERENCE], clamp=True)
    color = alt.Color("value:Q", title="points", scale=scale, legend=alt.Legend(gradientLength=90))
    limits = (-LARGEST_DIFFERENCE, LARGEST_DIFFERENCE)
    return _map(f"difference, {a} - {b}", values, color, order, limits) if values else None


def _place(cell: dict[str, Any]) -> dict[str, Any]:
    return {
        "language": cell["name"],
        "benchmark": cell["benchmark"],
        "group": GROUPS[cell["group"]],
        "row": f"#{anchor(cell['benchmark'], cell['language'])}",
    }


def _means(values: Values, sign: str) -> Values:
    """Return the mean of each benchmark over the languages of a block, which weigh the same."""
    by_benchmark: dict[str, list[float]] = {}
    for value in values:
        by_benchmark.setdefault(value["benchmark"], []).append(value["value"])
    found = []
    for benchmark, numbers in by_benchmark.items():
        mean = sum(numbers) / len(numbers)
        languages = f"{len(numbers)} language{'s' if len(numbers) > 1 else ''}"
        figure = f"{mean:{sign}.1f}, mean of {languages}"
        label = _whole(mean, sign)
        found.append({"benchmark": benchmark, "mean": round(mean, 2), "label": label, "figure": figure, "zero": 0})
    return found


def _whole(value: float, sign: str) -> str:
    """Return a number without decimals. Zero has no sign."""
    rounded = round(value)
    return f"{rounded:{sign}d}" if rounded else "0"


def _map(title: str, values: Values, color: alt.Color, order: Sequence[str], limits: tuple[int, int]) -> Chart:
    """Return the map with a block for each group of languages, and bars of their means below each block."""
    # The map of a group has all benchmarks, so that its columns stand below those of the others.
    present = {value["benchmark"]: None for value in values}
    names = alt.Scale(domain=[name for name in dict.fromkeys((*order, *present)) if name in present])
    parts: list[Block] = []
    datasets: dict[str, Values] = {}
    for group in (name for name in GROUPS.values() if any(value["group"] == name for value in values)):
        datasets[group] = [value for value in values if value["group"] == group]
        datasets[f"mean, {group}"] = _means(datasets[group], "+" if limits[0] else "")
        shade = color if not parts else color.copy().legend(None)
        parts += [_cells(group, shade, names), _bars(f"mean, {group}", names, limits)]
    return rendered(title, alt.vconcat(*parts, spacing=8), datasets)


def _cells(group: str, color: alt.Color, names: alt.Scale) -> Block:
    """Return the cells of a group of languages. A cell is a link to its row of the table."""
    base = alt.Chart().encode(
        x=alt.X("benchmark:N", sort=None, title=None, scale=names, axis=alt.Axis(orient="top", labelAngle=-40)),
        y=alt.Y("language:N", sort=None, title=None),
        href="row:N",
    )
    tooltip = [alt.Tooltip(f"{name}:N") for name in ("language", "benchmark", "figure")]
    layers = [
        base.mark_rect(stroke="white", cursor="pointer").encode(color=color, tooltip=tooltip),
        # Lines, not a paler color, because readers have to tell the cells apart in gray.
        base.mark_point(shape=HATCH, size=CELL_HEIGHT**2, strokeWidth=0.8, strokeOpacity=0.6, filled=False, aria=False)
        .encode(tooltip=tooltip, stroke=alt.Stroke("line:N", scale=None))
        .transform_filter("datum.hatched"),
        base.mark_text(fontSize=11, color="white", stroke="white", strokeWidth=3, strokeOpacity=0.9, aria=False)
        .encode(text="label:N", tooltip=tooltip)
        .transform_filter("datum.hatched"),
        base.mark_text(fontSize=11, cursor="pointer", aria=False).encode(
            text="label:N", color=alt.Color("ink:N", scale=None), tooltip=tooltip
        ),
    ]
    chart = alt.layer(*layers, data=alt.NamedData(group)).properties(
        width=alt.Step(CELL_WIDTH),
        height=alt.Step(CELL_HEIGHT),
        title=alt.TitleParams(group, anchor="start", fontSize=13),
    )
    return chart.resolve_scale(color="independent")


def _bars(name: str, names: alt.Scale, limits: tuple[int, int]) -> Block:
    """Return the bars of the means over a group of languages."""
    base = alt.Chart().encode(x=alt.X("benchmark:N", sort=None, title=None, scale=names, axis=None))
    height = alt.Y(
        "mean:Q",
        title=["mean of", "languages"],
        scale=alt.Scale(domain=limits, clamp=True),
        axis=alt.Axis(labels=False, ticks=False, grid=False, titleAngle=0, titleAlign="right", titleFontSize=12),
    )
    tooltip = [alt.Tooltip(f"{field}:N") for field in ("benchmark", "figure")]
    layers = [
        base.mark_bar(color="#8a9691", width=CELL_WIDTH - 8).encode(y=height, y2="zero:Q", tooltip=tooltip),
        base.mark_text(fontSize=11, fontWeight="bold", dy=-6, baseline="bottom").encode(y=height, text="label:N"),
    ]
    return alt.layer(*layers, data=alt.NamedData(name)).properties(width=alt.Step(CELL_WIDTH), height=BAR_HEIGHT)
