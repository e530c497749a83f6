"""Views of a drawing: what a photographer would make of it. Waving, tilted, cut off, on some background, blurred."""

import io
import math
import random

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

LONGEST_SIDE_PX = 144
"""Drawings are kept at this size: views need not be larger, and 64-pixel tiles see enough of them."""
VIEW_SIDE_PX = (96, 160)
TILT_DEGREES = 14
CROP_SHARE = 0.1
STRETCH = (0.75, 1.3)
HUE_STEPS = 12
"""Of 256: a red stays red, and a green one of the greens that flags are printed in."""
SATURATION = (0.6, 1.5)
RIM_SHARE = 0.4
ASPECT_CHANGE = (0.7, 1.4)
"""Of the canvas, against the drawing."""
_STRIPS = 12

Color = tuple[int, int, int]


def plain(drawing: Image.Image) -> Image.Image:
    """The drawing as it is, on white."""
    return _on_background(drawing, (255, 255, 255))


def varied(drawing: Image.Image, chance: random.Random) -> Image.Image:
    """A view of a drawing.

    Args:
        drawing: RGBA, cut to what is drawn.
        chance: draws everything that varies; equal states give equal views.

    Returns:
        RGB, the longer side 96 to 160 pixels.
    """
    size = _canvas_size(drawing, chance)
    background = _background(chance)
    seen = _printed(drawing, chance)
    seen = ImageOps.expand(seen, border=1, fill=(0, 0, 0, 0))  # a soft edge when it is turned
    seen = _waved(seen, chance) if chance.random() < 0.6 else seen
    seen = _tilted_onto(size, seen, chance)
    image = _lit(_on_background(seen, background), chance)
    if chance.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 1.0)))
    return image


def encoded(image: Image.Image) -> bytes:
    """An image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _printed(drawing: Image.Image, chance: random.Random) -> Image.Image:
    """The drawing as another maker would have it: other proportions, other shades, sometimes with a rim."""
    width = max(8, round(drawing.width * chance.uniform(*STRETCH)))
    made = drawing.resize((width, drawing.height), Image.Resampling.BILINEAR)
    alpha = made.getchannel("A")
    colors = _shifted(made.convert("RGB"), chance.randint(-HUE_STEPS, HUE_STEPS))
    colors = ImageEnhance.Color(colors).enhance(chance.uniform(*SATURATION))
    made = Image.merge("RGBA", (*colors.split(), alpha))
    # What has its corners filled is cloth or card, and can have a rim; a rim around a bowl would be a box.
    if chance.random() < RIM_SHARE and alpha.getpixel((2, 2)) == 255:
        rim = chance.randint(1, 4)
        made = ImageOps.expand(
            made.crop((rim, rim, made.width - rim, made.height - rim)), rim, (*_rim_color(chance), 255)
        )
    return made


def _shifted(image: Image.Image, steps: int) -> Image.Image:
    """The image with its hues turned by 256ths of the circle."""
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(level + steps) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _rim_color(chance: random.Random) -> Color:
    shade = chance.choice((chance.randint(0, 60), chance.randint(200, 255)))
    return shade, shade, shade


def _canvas_size(drawing: Image.Image, chance: random.Random) -> tuple[int, int]:
    side = chance.randint(*VIEW_SIDE_PX)
    aspect = drawing.width / drawing.height * chance.uniform(*ASPECT_CHANGE)
    return (side, round(side / aspect)) if aspect > 1 else (round(side * aspect), side)


def _background(chance: random.Random) -> Color:
    # Never dark: the black lines of an outline drawing must stay visible.
    return chance.randint(80, 255), chance.randint(80, 255), chance.randint(80, 255)


def _waved(drawing: Image.Image, chance: random.Random) -> Image.Image:
    """The drawing as cloth in the wind: each column moves up or down with a sine along the width."""
    width, height = drawing.size
    depth = height * chance.uniform(0.02, 0.07)
    waves, phase = chance.uniform(0.7, 1.8), chance.uniform(0, 2 * math.pi)
    edges = [round(width * n / _STRIPS) for n in range(_STRIPS + 1)]
    shifts = [depth * math.sin(2 * math.pi * waves * edge / width + phase) for edge in edges]
    margin = math.ceil(depth)
    mesh = []
    for left, right, a, b in zip(edges, edges[1:], shifts, shifts[1:], strict=False):
        # Corners of the source that this strip of the result shows: upper left, lower left, lower right, upper right.
        quad = (left, a - margin, left, height + a + margin, right, height + b + margin, right, b - margin)
        mesh.append(((left, 0, right, height + 2 * margin), quad))
    size = (width, height + 2 * margin)
    return drawing.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _tilted_onto(size: tuple[int, int], drawing: Image.Image, chance: random.Random) -> Image.Image:
    """The drawing turned, scaled to fill most of a transparent canvas, and shifted: up to a tenth is cut off."""
    width, height = drawing.size
    angle = math.radians(chance.uniform(-TILT_DEGREES, TILT_DEGREES))
    cos, sin = math.cos(angle), math.sin(angle)
    turned_width, turned_height = abs(width * cos) + abs(height * sin), abs(width * sin) + abs(height * cos)
    scale = min(size[0] / turned_width, size[1] / turned_height) * chance.uniform(0.8, 1 + CROP_SHARE)
    # How far the center may move before more than the crop share of the turned drawing leaves the canvas.
    reach = [
        max(0.0, (side - extent * scale) / 2) + CROP_SHARE / 2 * extent * scale
        for side, extent in zip(size, (turned_width, turned_height), strict=True)
    ]
    x, y = (side / 2 + chance.uniform(-r, r) for side, r in zip(size, reach, strict=True))
    a, b, d, e = cos / scale, sin / scale, -sin / scale, cos / scale
    inverse = (a, b, width / 2 - a * x - b * y, d, e, height / 2 - d * x - e * y)
    return drawing.transform(size, Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)


def _on_background(drawing: Image.Image, color: Color) -> Image.Image:
    canvas = Image.new("RGB", drawing.size, color)
    canvas.paste(drawing, mask=drawing.getchannel("A"))
    return canvas


def _lit(image: Image.Image, chance: random.Random) -> Image.Image:
    """The image under other light: contrast about middle grey, brightness, and a slight tint."""
    contrast, brightness = chance.uniform(0.75, 1.15), chance.uniform(-22, 22)
    table: list[int] = []
    for _ in range(3):
        offset = 128 + brightness + chance.uniform(-8, 8)
        table += [min(255, max(0, round((value - 128) * contrast + offset))) for value in range(256)]
    return image.point(table)
