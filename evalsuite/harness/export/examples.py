"""Examples of a run for its report, with their images and credits, so that a report needs no export."""

import shutil
from pathlib import Path
from typing import Any

from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.files import write_json
from pangea_cultural.utils.sampling import hash_key

NUM_EXAMPLES = 12
FOLDER, FILE = "examples", "examples.json"


def write(answers: list[dict[str, Any]], export: Export, folder: Path) -> None:
    """Write the examples of a run, the images that they show, and the credits of these."""
    chosen = choose(answers)
    shown = {example["image"] for example in chosen}
    (folder / FOLDER).mkdir(exist_ok=True)
    for image in shown:
        shutil.copyfile(export.image_file(image), folder / FOLDER / Path(image).name)
    examples = [example | {"file": Path(example["image"]).name} for example in chosen]
    credits = [row for row in export.images().to_pylist() if row["image"] in shown]
    write_json(folder / FILE, {"examples": examples, "credits": credits})


def choose(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return questions: the languages in turn, right and wrong answers, selected by hash.

    `open_id` is the open question about the same property of the image, None if it was not asked.
    """
    answered = [a for a in answers if a["question_type"] == "choice" and a["condition"] == "image"]
    open_answers = {
        (a["image"], a["entity"], a["property"], a["language"]): a
        for a in answers
        if a["question_type"] == "open" and a["condition"] == "image"
    }
    answered.sort(key=lambda a: hash_key(a["id"]))
    chosen: list[dict[str, Any]] = []
    languages = list(dict.fromkeys(a["language"] for a in answered))
    while answered and languages and len(chosen) < NUM_EXAMPLES:
        for code in languages:
            wants_correct = len(chosen) % 3 != 2  # Every third example is a wrong answer, if there is one.
            candidates = [a for a in answered if a["language"] == code]
            shown = {a["entity"] for a in chosen}
            # Prefer entities that are not shown yet, then the wanted kind of answer.
            example = min(candidates, key=lambda a: (a["entity"] in shown, a["correct"] != wants_correct), default=None)
            if example and len(chosen) < NUM_EXAMPLES:
                answered.remove(example)
                key = (example["image"], example["entity"], example["property"], example["language"])
                same = open_answers.get(key)
                chosen.append(example | {"open_id": same and same["id"], "open_answer": same and same["prediction"]})
    return chosen
