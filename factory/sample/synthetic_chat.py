"""Questions that are not about culture: colored shapes, asked for color, shape and number.

They stand in for the general instruction data that CulturalPangea's training interleaves (LLaVA's chat JSON), which is
too large for a sample and not at hand without a network.
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
class Thing:
    """A shape in an image."""

    shape: str
    color: str
    cell: int
    """Quarter of the image, row by row."""


def known_languages() -> list[str]:
    """Codes of the languages that have templates."""
    return list(_templates())


def write_synthetic_chat(folder: Path, *, languages: Sequence[str], num_images: int, seed: int) -> None:
    """Write general.json and the images that it names.

    Args:
        folder: where to; made where it does not exist.
        languages: codes; image n is asked about in language n modulo their number.
        num_images: how many images, with one conversation of one to three questions each.
        seed: equal seeds give equal files.

    Raises:
        UserError: a language without templates.
    """
    for code in languages:
        if code not in _templates():
            raise unknown("language of the general questions", code, _templates())
    # Written last: while it is away, nobody takes images of two seeds for one set.
    (folder / FILE).unlink(missing_ok=True)
    rows = []
    for number in range(num_images):
        chance = random.Random(f"{seed} general {number}")
        things = _arrange(chance)
        image = f"images/general-{number:06d}.png"
        write_bytes(folder / image, _draw(things, chance))
        code = languages[number % len(languages)]
        conversation = _conversation(things, _templates()[code], chance)
        rows.append({"id": f"general-{number:06d}", "image": image, "language": code, "conversations": conversation})
    write_json(folder / FILE, rows)


@functools.cache
def _templates() -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files("factory.sample").joinpath("synthetic_chat.toml").read_text("utf-8"))


def _arrange(chance: random.Random) -> list[Thing]:
    """One to four things; no two share a shape, a color or a place, so that each question has one answer."""
    count = chance.randint(1, len(SHAPES))
    picks = (chance.sample(SHAPES, count), chance.sample(list(COLORS), count), chance.sample(range(4), count))
    return [Thing(shape=shape, color=color, cell=cell) for shape, color, cell in zip(*picks, strict=True)]


def _conversation(things: list[Thing], words: dict[str, Any], chance: random.Random) -> list[dict[str, str]]:
    pairs = list(_questions(things, words))
    asked = chance.sample(pairs, min(len(pairs), chance.randint(1, MAX_QUESTIONS)))
    turns = []
    for number, (question, answer) in enumerate(asked):
        turns.append({"from": "human", "value": question if number else f"<image>\n{question}"})
        turns.append({"from": "gpt", "value": answer})
    return turns


def _questions(things: list[Thing], words: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """All questions that can be asked, with their answers."""
    yield words["how_many"], words["numbers"][len(things) - 1]
    for thing in things:
        yield words["color_of"][thing.shape], words["colors"][thing.color]
        color = words.get("as_quality", words["colors"])[thing.color]
        yield words["shape_with"].format(color=color), words["shapes"][thing.shape]


def _draw(things: list[Thing], chance: random.Random) -> bytes:
    """The image as PNG, on a light background of its own."""
    background = tuple(chance.randint(200, 255) for _ in range(3))
    image = Image.new("RGB", (IMAGE_SIDE_PX, IMAGE_SIDE_PX), background)
    canvas = ImageDraw.Draw(image)
    half = IMAGE_SIDE_PX / 2
    for thing in things:
        radius = chance.uniform(0.28, 0.42) * half
        row, column = divmod(thing.cell, 2)
        x, y = (half * (place + 0.5) + chance.uniform(-0.07, 0.07) * half for place in (column, row))
        _draw_shape(canvas, thing.shape, COLORS[thing.color], x, y, radius)
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
