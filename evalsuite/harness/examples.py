"""Examples of a published benchmark for the report, with small images, so that a report needs no data set.

benchmarks/NAME/
  examples.json   items of the examples, with the files of their images
  examples/       the images
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from evalsuite.harness.questions import Questions
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.files import write_bytes, write_json
from pangea_cultural.utils.images import FORMATS, decode
from pangea_cultural.utils.sampling import hash_key

FILE, FOLDER = "examples.json", "examples"
NUM_EACH = 4
"""Examples of each kind."""
SIDE = 320
"""Longest side of an image, in pixels."""
QUALITY = 80

Answer = dict[str, Any]
KINDS: dict[str, Callable[[Answer], bool]] = {
    "right": lambda answer: answer["robust"] is not None and answer["robust"] >= 0.5,
    "wrong": lambda answer: answer["robust"] is not None and answer["robust"] < 0.5,
    "unparsed": lambda answer: not answer["parsed"],
    "reference and robust differ": lambda answer: (
        None not in (answer["robust"], answer["reference"]) and answer["robust"] != answer["reference"]
    ),
}


def write(questions: Questions, answers: list[Answer], folder: Path) -> None:
    """Write some items of each kind with their images. Items are chosen by hash, so two runs have many in common."""
    by_key = {item.key: item for item in questions.items}
    rows = []
    for name in choose(answers):
        images = []
        try:
            for number, file in enumerate(questions.files(by_key[name])):
                image = f"{hash_key(name).hex()[:16]}-{number}.jpg"
                write_bytes(folder / FOLDER / image, thumbnail(file))
                images.append(image)
        # The answer is worth a look without its image, too.
        except ImageError:
            images = []
        rows.append({"item": name, "images": images})
    write_json(folder / FILE, rows)


def choose(answers: list[Answer]) -> list[str]:
    """Return the items of the examples."""
    usable = sorted((a for a in answers if not a["error"]), key=lambda a: hash_key(a["item"]))
    chosen: dict[str, None] = {}
    for belongs in KINDS.values():
        chosen |= dict.fromkeys([answer["item"] for answer in usable if belongs(answer)][:NUM_EACH])
    return list(chosen)


def thumbnail(file: bytes) -> bytes:
    """Return a small JPEG of an image.

    Raises:
        ImageError: the file is not a readable image.
    """

    def convert(image: Image.Image) -> bytes:
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=QUALITY)
        return buffer.getvalue()

    return decode(file, FORMATS, convert)
