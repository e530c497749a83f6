"""The forest plot: differences with their intervals, and the margin of non-inferiority."""

from typing import Any

import altair as alt

from evalsuite.report.charts.vega import Chart, Values, rendered

ROW_HEIGHT, LINE, WIDTH = 42, 9, 460
"""Pixels: height of a row, its line below and its text above the middle, and width."""
LOOKS = {
    "better": ("#5e3c99", "triangle-right"),
    "worse": ("#b35806", "triangle-left"),
    "not worse": ("#5e3c99", "diamond"),
    "undecided": ("#5d6b66", "circle"),
}
"""Color and shape of a verdict. Color-blind readers can tell them apart."""


def forest(rows: list[dict[str, Any]], title: str) -> Chart | None:
    """Return the plot of rows with a difference, in points; None without any."""
    values = [_value(row) for row in rows if row["difference"] is not None]
    if not values:
        return None
    looks = {value["looks"]: LOOKS[value["looks"]] for value in values}
    base = alt.Chart().encode(y=alt.Y("name:N", sort=None, axis=None))
    ends = alt.X("low:Q", title=f"{title}, points")
    colors = alt.Scale(domain=list(looks), range=[color for color, _ in looks.values()])
    shapes = alt.Scale(domain=list(looks), range=[shape for _, shape in looks.values()])
    layers = [
        alt.Chart().mark_rule(color="#333").encode(x="zero:Q"),
        base.mark_rule(strokeWidth=2, color="#5d6b66", yOffset=LINE).encode(x=ends, x2="high:Q"),
        base.mark_point(filled=True, size=110, opacity=1, yOffset=LINE).encode(
            x="difference:Q",
            color=alt.Color("looks:N", scale=colors, legend=None),
            shape=alt.Shape("looks:N", scale=shapes, legend=None),
            tooltip=[alt.Tooltip(f"{name}:N") for name in ("name", "interval", "questions", "verdict")],
        ),
        # The name stands above its line, so that a phone shows both. Its edge keeps the lines of the plot out of it.
        base.mark_text(
            align="left", dy=-LINE, fontSize=12, aria=False, color="white", stroke="white", strokeWidth=4
        ).encode(x=alt.value(6), text="label:N"),
        base.mark_text(align="left", dy=-LINE, fontSize=12, aria=False, color="#1d2a26").encode(
            x=alt.value(6), text="label:N"
        ),
        base.mark_tick(thickness=3, height=16, color="#b35806", yOffset=LINE).encode(x="margin:Q"),
    ]
    families: dict[str, Values] = {}
    for value in values:
        families.setdefault(value["family"], []).append(value)
    plots = [
        alt.layer(*layers[: None if _has_margin(part) else -1], data=alt.NamedData(family)).properties(
            title=alt.TitleParams(family, anchor="start", fontSize=13), width=WIDTH, height=alt.Step(ROW_HEIGHT)
        )
        for family, part in families.items()
    ]
    chart = alt.vconcat(*plots).resolve_scale(x="shared", color="shared", shape="shared")
    return rendered(f"Forest plot of {title}", chart, families, fits=True)


def _has_margin(values: Values) -> bool:
    return any(value["margin"] is not None for value in values)


def _value(row: dict[str, Any]) -> dict[str, Any]:
    points = {key: None if row[key] is None else round(100 * row[key], 2) for key in ("difference", "low", "high")}
    interval = "no interval" if row["low"] is None else f"[{points['low']:+.1f}, {points['high']:+.1f}]"
    return points | {
        "family": row["family"],
        "name": row["name"],
        "interval": f"{points['difference']:+.1f} {interval}",
        "questions": f"{row['n']:,}",
        "verdict": row["text"],
        "label": f"{row['name']}: {points['difference']:+.1f}, {row['verdict']}",
        "looks": _looks(row),
        "margin": None if row["margin"] is None else -100 * row["margin"],
        "zero": 0,
    }


def _looks(row: dict[str, Any]) -> str:
    if row["verdict"].endswith(" better"):
        return "better" if row["difference"] > 0 else "worse"
    return {"not worse": "not worse", "gain shown": "better"}.get(row["verdict"], "undecided")
