"""Examples of a published benchmark for the report, with small images, so that a report needs no data set.

benchmarks/NAME/
  examples.json   items of the examples, with the files of their images
  examples/       the images
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalsuite.data.thumbnails import thumbnail
from evalsuite.harness.questions import Questions
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.files import write_bytes, write_json
from pangea_cultural.utils.sampling import hash_key

FILE, FOLDER = "examples.json", "examples"
NUM_EACH = 4
"""Examples of each kind."""

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
        # The answer is worth a look even without its image.
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
