"""Random views of a drawing that resemble photos: waving, tilted, cropped, lit, blurred, on a colored background."""

import io
import math
import random

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

LONGEST_SIDE_PX = 144
"""Size of a rendered drawing. Views are not larger, and the sample's models see tiles of 64 pixels."""
VIEW_SIDE_PX = (96, 160)
TILT_DEGREES = 14
CROP_SHARE = 0.1
STRETCH = (0.75, 1.3)
HUE_STEPS = 12
"""Maximum hue shift, of 256. The colors of flags stay recognizable."""
SATURATION = (0.6, 1.5)
RIM_SHARE = 0.4
"""Share of the views with a rim, where a rim is possible."""
ASPECT_CHANGE = (0.7, 1.4)
"""Aspect ratio of the canvas over that of the drawing."""
_STRIPS = 12

Color = tuple[int, int, int]


def plain(drawing: Image.Image) -> Image.Image:
    """Return the unchanged drawing on white."""
    return _on_background(drawing, (255, 255, 255))


def varied(drawing: Image.Image, rng: random.Random) -> Image.Image:
    """Return a random view of a drawing.

    Args:
        drawing: RGBA, cropped to its visible part.
        rng: source of all random choices. Equal states give equal views.

    Returns:
        RGB, with a longer side of 96 to 160 pixels.
    """
    size = _canvas_size(drawing, rng)
    background = _background(rng)
    view = _printed(drawing, rng)
    # A transparent border gives a soft edge after the rotation.
    view = ImageOps.expand(view, border=1, fill=(0, 0, 0, 0))
    view = _waved(view, rng) if rng.random() < 0.6 else view
    view = _tilted_onto(size, view, rng)
    image = _lit(_on_background(view, background), rng)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    return image


def encoded(image: Image.Image) -> bytes:
    """Return an image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _printed(drawing: Image.Image, rng: random.Random) -> Image.Image:
    """Change proportions and shades of a drawing, and sometimes add a rim."""
    width = max(8, round(drawing.width * rng.uniform(*STRETCH)))
    printed = drawing.resize((width, drawing.height), Image.Resampling.BILINEAR)
    alpha = printed.getchannel("A")
    colors = _shifted(printed.convert("RGB"), rng.randint(-HUE_STEPS, HUE_STEPS))
    colors = ImageEnhance.Color(colors).enhance(rng.uniform(*SATURATION))
    printed = Image.merge("RGBA", (*colors.split(), alpha))
    # A drawing with filled corners, such as a flag, can have a rim. Around other drawings the rim would be a box.
    if rng.random() < RIM_SHARE and alpha.getpixel((2, 2)) == 255:
        rim = rng.randint(1, 4)
        inner = printed.crop((rim, rim, printed.width - rim, printed.height - rim))
        printed = ImageOps.expand(inner, rim, (*_rim_color(rng), 255))
    return printed


def _shifted(image: Image.Image, steps: int) -> Image.Image:
    """Rotate the hues by 256ths of the color circle."""
    hue, saturation, value = image.convert("HSV").split()
    rotated = hue.point([(level + steps) % 256 for level in range(256)])
    return Image.merge("HSV", (rotated, saturation, value)).convert("RGB")


def _rim_color(rng: random.Random) -> Color:
    shade = rng.choice((rng.randint(0, 60), rng.randint(200, 255)))
    return shade, shade, shade


def _canvas_size(drawing: Image.Image, rng: random.Random) -> tuple[int, int]:
    side = rng.randint(*VIEW_SIDE_PX)
    aspect = drawing.width / drawing.height * rng.uniform(*ASPECT_CHANGE)
    return (side, round(side / aspect)) if aspect > 1 else (round(side * aspect), side)


def _background(rng: random.Random) -> Color:
    # Not dark: the black lines of an outline drawing must stay visible.
    return rng.randint(80, 255), rng.randint(80, 255), rng.randint(80, 255)


def _waved(drawing: Image.Image, rng: random.Random) -> Image.Image:
    """Distort a drawing like cloth in the wind: a sine along the width moves each column up or down."""
    width, height = drawing.size
    depth = height * rng.uniform(0.02, 0.07)
    waves, phase = rng.uniform(0.7, 1.8), rng.uniform(0, 2 * math.pi)
    edges = [round(width * n / _STRIPS) for n in range(_STRIPS + 1)]
    shifts = [depth * math.sin(2 * math.pi * waves * edge / width + phase) for edge in edges]
    margin = math.ceil(depth)
    mesh = []
    for left, right, a, b in zip(edges, edges[1:], shifts, shifts[1:], strict=False):
        # Source corners of this strip: upper left, lower left, lower right, upper right.
        quad = (left, a - margin, left, height + a + margin, right, height + b + margin, right, b - margin)
        mesh.append(((left, 0, right, height + 2 * margin), quad))
    size = (width, height + 2 * margin)
    return drawing.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _tilted_onto(size: tuple[int, int], drawing: Image.Image, rng: random.Random) -> Image.Image:
    """Rotate a drawing, scale it to most of a transparent canvas and shift it. Up to a tenth is cropped."""
    width, height = drawing.size
    angle = math.radians(rng.uniform(-TILT_DEGREES, TILT_DEGREES))
    cos, sin = math.cos(angle), math.sin(angle)
    rotated_width, rotated_height = abs(width * cos) + abs(height * sin), abs(width * sin) + abs(height * cos)
    scale = min(size[0] / rotated_width, size[1] / rotated_height) * rng.uniform(0.8, 1 + CROP_SHARE)
    # Distance that the center may move before more than the crop share of the drawing leaves the canvas.
    reach = [
        max(0.0, (side - extent * scale) / 2) + CROP_SHARE / 2 * extent * scale
        for side, extent in zip(size, (rotated_width, rotated_height), strict=True)
    ]
    x, y = (side / 2 + rng.uniform(-r, r) for side, r in zip(size, reach, strict=True))
    a, b, d, e = cos / scale, sin / scale, -sin / scale, cos / scale
    inverse = (a, b, width / 2 - a * x - b * y, d, e, height / 2 - d * x - e * y)
    return drawing.transform(size, Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)


def _on_background(drawing: Image.Image, color: Color) -> Image.Image:
    canvas = Image.new("RGB", drawing.size, color)
    canvas.paste(drawing, mask=drawing.getchannel("A"))
    return canvas


def _lit(image: Image.Image, rng: random.Random) -> Image.Image:
    """Change contrast about middle gray, brightness, and tint."""
    contrast, brightness = rng.uniform(0.75, 1.15), rng.uniform(-22, 22)
    table: list[int] = []
    for _ in range(3):
        offset = 128 + brightness + rng.uniform(-8, 8)
        table += [min(255, max(0, round((value - 128) * contrast + offset))) for value in range(256)]
    return image.point(table)
