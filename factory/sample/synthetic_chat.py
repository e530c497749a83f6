"""Synthetic chat data in LLaVA's JSON: questions about color, shape and number of colored shapes.

The data stands in for the general instruction data of CulturalPangea's training, which is too large for a sample.
"""

import functools
import io
import math
import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from pangea_cultural.errors import unknown
from pangea_cultural.utils.files import write_bytes, write_json

FILE = "general.json"
IMAGE_SIDE_PX = 112
COLORS = {
    "red": (208, 32, 38),
    "green": (38, 148, 62),
    "blue": (36, 78, 196),
    "yellow": (242, 205, 36),
    "purple": (128, 54, 158),
    "orange": (240, 132, 32),
}
SHAPES = ("circle", "square", "triangle", "star")
MAX_QUESTIONS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A colored shape in an image."""

    name: str
    color: str
    cell: int
    """Quarter of the image, counted row by row."""


def known_languages() -> list[str]:
    """Return the codes of the languages that have templates."""
    return list(_templates())


def write_synthetic_chat(folder: Path, *, languages: Sequence[str], num_images: int, seed: int) -> None:
    """Write general.json and its images.

    Args:
        folder: output folder, created if missing.
        languages: language codes. Image n has questions in language n modulo their number.
        num_images: number of images. Each has a conversation of one to three questions.
        seed: seed of the images and questions. Equal seeds give equal files.

    Raises:
        UserError: a language has no templates.
    """
    for code in languages:
        if code not in _templates():
            raise unknown("language of synthetic chat", code, _templates())
    # Removed first and written last, so that images of two seeds are never taken for one data set.
    (folder / FILE).unlink(missing_ok=True)
    rows = []
    for number in range(num_images):
        rng = random.Random(f"{seed} general {number}")
        shapes = _arrange(rng)
        image = f"images/general-{number:06d}.png"
        write_bytes(folder / image, _draw(shapes, rng))
        code = languages[number % len(languages)]
        conversation = _conversation(shapes, _templates()[code], rng)
        rows.append({"id": f"general-{number:06d}", "image": image, "language": code, "conversations": conversation})
    write_json(folder / FILE, rows)


@functools.cache
def _templates() -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files("factory.sample").joinpath("synthetic_chat.toml").read_text("utf-8"))


def _arrange(rng: random.Random) -> list[Shape]:
    """Return one to four shapes. No two share a shape, a color or a cell, so that each question has one answer."""
    count = rng.randint(1, len(SHAPES))
    picks = (rng.sample(SHAPES, count), rng.sample(list(COLORS), count), rng.sample(range(4), count))
    return [Shape(name=name, color=color, cell=cell) for name, color, cell in zip(*picks, strict=True)]


def _conversation(shapes: list[Shape], templates: dict[str, Any], rng: random.Random) -> list[dict[str, str]]:
    pairs = list(_questions(shapes, templates))
    asked = rng.sample(pairs, min(len(pairs), rng.randint(1, MAX_QUESTIONS)))
    turns = []
    for number, (question, answer) in enumerate(asked):
        turns.append({"from": "human", "value": question if number else f"<image>\n{question}"})
        turns.append({"from": "gpt", "value": answer})
    return turns


def _questions(shapes: list[Shape], templates: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield all possible questions with their answers."""
    yield templates["how_many"], templates["numbers"][len(shapes) - 1]
    for shape in shapes:
        yield templates["color_of"][shape.name], templates["colors"][shape.color]
        color = templates.get("as_quality", templates["colors"])[shape.color]
        yield templates["shape_with"].format(color=color), templates["shapes"][shape.name]


def _draw(shapes: list[Shape], rng: random.Random) -> bytes:
    """Return the image as PNG, on a random light background."""
    background = tuple(rng.randint(200, 255) for _ in range(3))
    image = Image.new("RGB", (IMAGE_SIDE_PX, IMAGE_SIDE_PX), background)
    canvas = ImageDraw.Draw(image)
    half = IMAGE_SIDE_PX / 2
    for shape in shapes:
        radius = rng.uniform(0.28, 0.42) * half
        row, column = divmod(shape.cell, 2)
        x, y = (half * (index + 0.5) + rng.uniform(-0.07, 0.07) * half for index in (column, row))
        _draw_shape(canvas, shape.name, COLORS[shape.color], x, y, radius)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _draw_shape(
    canvas: ImageDraw.ImageDraw, shape: str, color: tuple[int, int, int], x: float, y: float, r: float
) -> None:
    if shape == "circle":
        canvas.ellipse((x - r, y - r, x + r, y + r), fill=color)
    elif shape == "square":
        side = 0.85 * r
        canvas.rectangle((x - side, y - side, x + side, y + side), fill=color)
    else:
        radii = (r, r) if shape == "triangle" else (r, 0.42 * r)
        num_corners = 3 if shape == "triangle" else 10
        angles = (2 * math.pi * n / num_corners for n in range(num_corners))
        canvas.polygon(
            [(x + radii[n % 2] * math.sin(a), y - radii[n % 2] * math.cos(a)) for n, a in enumerate(angles)],
            fill=color,
        )
