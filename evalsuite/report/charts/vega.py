"""Rendering of Vega-Lite specifications: SVG for readers without scripts, and the script for the others.

vl-convert renders without a browser and without a network. Its script runs under a policy without `unsafe-eval`,
because the page asks vega for its interpreter (`ast`).
"""

import hashlib
import html
import re
from dataclasses import dataclass
from typing import Any

import vl_convert

FONT = "system-ui, Noto Sans, sans-serif"
Values = list[dict[str, Any]]
# Only attributes of the renderer: in texts, quotation marks are escaped.
_ID = re.compile(r'(\sid="|="url\(#)')
_LINK = re.compile(r'<a xlink:href="[^"#]*#')
"""A link to a place of the page, which the renderer takes for one of a web site of its own."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with what it says in words."""

    title: str
    spec: dict[str, Any]
    svg: str
    values: Values
    """Rows that are drawn."""
    fits: bool = False
    """Whether it may shrink to a narrow page. A map with many columns scrolls instead."""


def rendered(title: str, chart: Any, datasets: dict[str, Values], *, fits: bool = False) -> Chart:
    """Return a chart of Altair with its specification and its SVG.

    Args:
        title: caption of the chart.
        chart: the chart, whose data have names: Altair copies rows in a chart for each of its parts.
        datasets: the rows, by the names of data.
        fits: whether the chart may shrink.
    """
    styled = (
        chart.configure(font=FONT, background="white", padding=4)
        .configure_view(stroke=None)
        .configure_axis(labelLimit=360, titleFontWeight="normal", labelFontSize=12)
        .configure_legend(titleFontWeight="normal", labelLimit=300)
        .configure_header(labelFontSize=12, labelFontWeight="bold", title=None)
    )
    # Altair has checked the parts when they were created.
    spec = styled.to_dict(validate=False) | {"datasets": datasets}
    values = [value for rows in datasets.values() for value in rows]
    return Chart(title, spec, _inline(vl_convert.vegalite_to_svg(spec), title), values, fits)


def script() -> str:
    """Return the script of Vega, Vega-Lite and Vega-Embed, about 0.9 MB. It takes three seconds to bundle."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


def _inline(svg: str, title: str) -> str:
    """Return an SVG for a page, with a name for screen readers. Its ids differ from those of other charts."""
    text = svg[svg.index("<svg") :]
    prefix = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = _ID.sub(lambda found: f"{found[1]}{prefix}-", text)
    # The table has the same links. A reader with a keyboard does not step through hundreds of cells.
    text = _LINK.sub('<a tabindex="-1" href="#', text)
    # The parts of an image cannot be reached, and links have to be.
    role = "group" if "<a " in text else "img"
    return text.replace("<svg ", f'<svg role="{role}" aria-label="{html.escape(title)}" ', 1)
