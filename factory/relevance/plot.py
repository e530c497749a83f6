"""The plot of a calibration."""

import io
from typing import Any

COLORS = {"precision": "#0b6e99", "recall": "#c05a00"}
"""Distinct for color-blind readers."""


def draw(figures: dict[str, Any], title: str) -> bytes:
    """Return a PNG of precision and recall by threshold, with their intervals.

    Args:
        figures: as from `calibration.figures`.
        title: heading of the plot.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, color in COLORS.items():
        points = [point for point in figures["thresholds"] if point[name] is not None]
        if not points:  # the model keeps no pair at any threshold
            continue
        thresholds = [point["threshold"] for point in points]
        low, high = zip(*[point[f"{name}_interval"] for point in points], strict=True)
        axes.fill_between(thresholds, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(thresholds, [point[name] for point in points], color=color, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="threshold", ylabel="share of pairs")
    axes.set_title(title, parse_math=False)  # names of models may have any character
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()
