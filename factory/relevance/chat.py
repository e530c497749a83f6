"""Training data for a model that judges relevance: yes/no questions in LLaVA's JSON, with planted mismatches."""

from pathlib import Path
from typing import Any

from factory.relevance import planted
from factory.relevance.pairs import Pair, subjects
from factory.relevance.prompts import prompt
from factory.store.store import Store
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import write_json

FILE = "relevance.json"


def write_chat(
    store: Store, folder: Path, *, template: str, seed: int, split: str, draws: int, limit: int | None = None
) -> int:
    """Write the questions about the images of a split. Return their number, half of them with the answer `No`.

    Paths of images are those of the workspace's folder of images.

    Args:
        store: a store with images and splits.
        folder: folder of the file, created if missing.
        template: text of the prompt.
        seed: seed of the mismatches.
        split: split of the images.
        draws: questions of either answer for each image.
        limit: questions of either answer at most; None for all.

    Raises:
        UserError: the split has no two entities of one type.
    """
    pairs = planted.draw(store, seed=seed, split=split, draws=draws, limit=limit)
    names = subjects(store)
    rows = [
        _row(f"relevance-{number:07d}-{answer.lower()}", pair, prompt(template, names[pair.entity]), answer)
        for number, (shown, mismatch) in enumerate(pairs)
        for pair, answer in ((shown, "Yes"), (mismatch, "No"))
        if shown.entity in names and mismatch.entity in names
    ]
    if not rows:
        raise UserError(f"The split {split} has no two entities of one type with images. Choose another with --split.")
    write_json(folder / FILE, rows)
    return len(rows)


def _row(name: str, pair: Pair, question: str, answer: str) -> dict[str, Any]:
    turns = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
    return {"id": name, "image": pair.path, "language": "en", "conversations": turns}
