"""Elements of SVG drawings. Lengths are in the drawing's units, angles in degrees."""

import math
from collections.abc import Iterable, Sequence

Point = tuple[float, float]


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def document(width: float, height: float, *parts: str) -> str:
    """Return an SVG document. Its view box crops the parts."""
    size = f"{_number(width)} {_number(height)}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}">\n  ' + "\n  ".join(parts) + "\n</svg>\n"


def rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    """A filled rectangle."""
    numbers = " ".join(
        f'{name}="{_number(value)}"' for name, value in (("x", x), ("y", y), ("width", width), ("height", height))
    )
    return f'<rect {numbers} fill="{fill}"/>'


def rows(width: float, height: float, colors: Sequence[str], weights: Sequence[float] | None = None) -> str:
    """Horizontal stripes from the top, equal without weights."""
    edges = _edges(height, colors, weights)
    return "".join(
        rect(0, top, width, bottom - top, c) for c, top, bottom in zip(colors, edges, edges[1:], strict=False)
    )


def columns(width: float, height: float, colors: Sequence[str], weights: Sequence[float] | None = None) -> str:
    """Vertical stripes from the hoist, equal without weights."""
    edges = _edges(width, colors, weights)
    return "".join(
        rect(left, 0, right - left, height, c) for c, left, right in zip(colors, edges, edges[1:], strict=False)
    )


def _edges(length: float, colors: Sequence[str], weights: Sequence[float] | None) -> list[float]:
    weights = weights or [1] * len(colors)
    return [length * sum(weights[:n]) / sum(weights) for n in range(len(weights) + 1)]


def disc(x: float, y: float, radius: float, fill: str) -> str:
    """A filled circle."""
    return f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}" fill="{fill}"/>'


def ring(x: float, y: float, radius: float, stroke: str, width: float) -> str:
    """A circle's outline."""
    circle = f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
    return f'{circle} fill="none" stroke="{stroke}" stroke-width="{_number(width)}"/>'


def ellipse(x: float, y: float, radius_x: float, radius_y: float, fill: str) -> str:
    """A filled ellipse."""
    numbers = f'cx="{_number(x)}" cy="{_number(y)}" rx="{_number(radius_x)}" ry="{_number(radius_y)}"'
    return f'<ellipse {numbers} fill="{fill}"/>'


def polygon(points: Iterable[Point], fill: str) -> str:
    """A filled polygon."""
    return f'<polygon points="{_points(points)}" fill="{fill}"/>'


def line(points: Iterable[Point], stroke: str, width: float) -> str:
    """An open line with flat ends."""
    return (
        f'<polyline points="{_points(points)}" fill="none" stroke="{stroke}" stroke-width="{_number(width)}" '
        'stroke-linejoin="round"/>'
    )


def path(data: str, *, fill: str = "none", stroke: str = "none", width: float = 0) -> str:
    """A path of SVG's own path language."""
    return (
        f'<path d="{data}" fill="{fill}" stroke="{stroke}" stroke-width="{_number(width)}" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


def place(part: str, x: float, y: float, *, scale: float = 1, turn: float = 0) -> str:
    """A part drawn about the origin, moved, turned clockwise and scaled."""
    transform = f"translate({_number(x)} {_number(y)}) rotate({_number(turn)}) scale({_number(scale)})"
    return f'<g transform="{transform}">{part}</g>'


def on_circle(x: float, y: float, radius: float, angle: float) -> Point:
    """Return the point of a circle at an angle, clockwise from the top."""
    return x + radius * math.sin(math.radians(angle)), y - radius * math.cos(math.radians(angle))


def star(x: float, y: float, radius: float, fill: str, *, tips: int = 5, inner: float = 0.382, turn: float = 0) -> str:
    """A star with a tip on top, or turned clockwise. `inner` is the radius of the notches, as a share."""
    step = 180 / tips
    corners = (on_circle(x, y, radius * (inner if n % 2 else 1), turn + n * step) for n in range(2 * tips))
    return polygon(corners, fill)


def crescent(x: float, y: float, radius: float, fill: str, *, cut: float, shift: Point, ground: str) -> str:
    """A disc, partly covered by another disc in the ground's color, `shift` away."""
    return disc(x, y, radius, fill) + disc(x + shift[0], y + shift[1], cut, ground)
