"""Conversations for benchmarks of training: LLaVA's JSON and its images, of made-up words of known length."""

import functools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pangea_cultural.utils.files import write_json
from tests.perf.support.images import jpeg

WORDS = 1200
ANSWER_WORDS = (8, 16)
TEXT_WORDS = (28, 44)
"""Words of a question and its answer together: 40 to 60 tokens, with punctuation."""


def write(folder: Path, *, images: int, questions_per_image: int, seed: int) -> Path:
    """Write conversations and images; the same arguments give the same bytes.

    Args:
        folder: for the file and the images.
        images: how many.
        questions_per_image: conversations of one turn about each.
        seed: of words and images.

    Returns:
        The file: as LLaVA has it, a row for each conversation.
    """
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(images):
        name = f"images/{questions_per_image}-{number}.jpg"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(rng))
        rows += (_row(f"{number}-{index}", name, rng) for index in range(questions_per_image))
    path = folder / f"k{questions_per_image}.json"
    write_json(path, rows)
    return path


def _row(number: str, image: str, rng: random.Random) -> dict[str, Any]:
    answer = rng.randint(*ANSWER_WORDS)
    question = rng.randint(*TEXT_WORDS) - answer
    turns = [
        {"from": "human", "value": f"<image>\n{_sentence(question, rng)}"},
        {"from": "gpt", "value": _sentence(answer, rng)},
    ]
    return {"id": number, "image": image, "conversations": turns}


def _sentence(length: int, rng: random.Random) -> str:
    return " ".join(rng.choices(vocabulary(), k=length))


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """Return made-up words. Most are one token of a tokenizer that was trained on them."""
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    rng = random.Random("words")
    return tuple("".join(rng.choices(syllables, k=3)) for _ in range(WORDS))


def texts(repeat: int = 20) -> Iterator[str]:
    """Return training texts for a tokenizer: every word alone and after another word."""
    rng = random.Random("texts")
    for _ in range(repeat):
        for word in vocabulary():
            yield f"{word} {rng.choice(vocabulary())}"
