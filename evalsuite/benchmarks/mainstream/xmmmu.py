"""xMMMU: the validation questions of MMMU in seven languages, with images inside of the text; and MMMU itself.

References: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/xmmmu` (commit ecc4403); EvolvingLMMs-Lab/lmms-eval,
`lmms_eval/tasks/mmmu` (commit 75571cf).
"""

import ast
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from evalsuite.benchmarks.base import IMAGE_MARK, Anchor, Benchmark, Row, Score, draw
from evalsuite.benchmarks.rotation import LETTERS, Rotation, moved, moved_place
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.mmmu_answers import mmmu_letter, mmmu_values, normalized_values, open_answer_matches
from evalsuite.metrics.whole_words import contains_words

NUM_IMAGES = 7
MULTIPLE_CHOICE = "multiple-choice"
_MARK = re.compile(r"<image (\d)>")
_SUBJECT = re.compile(r"^[^_]*_(.+)_\d+$")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")


def options(row: Row) -> dict[str, str]:
    """Return the texts of the options by letter.

    Raises:
        ValueError: the column is not the text of a Python list.
        SyntaxError: the column is not Python.
    """
    texts = ast.literal_eval(row["options"].replace("\n", " "))
    return {chr(ord("A") + number): str(text) for number, text in enumerate(texts)}


def text_with_marks(row: Row) -> str:
    """Return the question with options and instruction, and with the data set's marks of images."""
    if row["question_type"] == MULTIPLE_CHOICE:
        lines = "\n".join(f"{letter}. {text}" for letter, text in options(row).items())
        return f"{row['question']}\n{lines}\nAnswer with the option letter from the given choices directly."
    return f"{row['question']}\nAnswer the question using a single word or phrase."


def prompt(row: Row) -> str:
    """Return the question with the places of its images."""
    return _MARK.sub(lambda match: IMAGE_MARK if 1 <= int(match[1]) <= NUM_IMAGES else match[0], text_with_marks(row))


def images(row: Row) -> list[Any]:
    """Return an image for each mark, also repeated ones. Marks of absent images are left out, as in the reference."""
    numbers = [int(match[1]) for match in _MARK.finditer(text_with_marks(row))]
    values = [row.get(f"image_{number}") for number in numbers if 1 <= number <= NUM_IMAGES]
    return [value for value in values if value is not None]


def mmmu_prompt(row: Row) -> str:
    """Return the question as lmms-eval has it: marks of images stay as text, and images stand before it."""
    if row["question_type"] == MULTIPLE_CHOICE:
        lines = "\n".join(f"{letter}. {text}" for letter, text in options(row).items())
        return f"{row['question']}\n{lines}\n\nAnswer with the option's letter from the given choices directly."
    return f"{row['question']}\n\nAnswer the question using a single word or phrase."


def mmmu_images(row: Row) -> list[Any]:
    """Return the images that the text names, each once, in the order of their numbers."""
    numbers = sorted({int(match[1]) for match in _MARK.finditer(mmmu_prompt(row))})
    values = [row.get(f"image_{number}") for number in numbers if 1 <= number <= NUM_IMAGES]
    return [value for value in values if value is not None]


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer."""
    if row["question_type"] != MULTIPLE_CHOICE:
        return _open_score(row, answer)
    texts = options(row)
    letter = mmmu_letter(answer, texts)
    predicted = letter or draw(list(texts), f"{row['split']} {row['id']}")
    found = chosen_letter(answer, "".join(texts), list(texts.values()))
    return Score(
        reference=float(predicted == row["answer"]),
        robust=float(found == row["answer"]),
        answer=found,
        guessed=letter is None,
    )


def _open_score(row: Row, answer: str) -> Score:
    right = row["answer"]
    reference = open_answer_matches(right, mmmu_values(answer.strip()))
    text = normalized(answer)
    return Score(reference=float(reference), robust=float(_robust_match(right, answer)), answer=text or None)


def golds(row: Row) -> list[str]:
    """Return the right answers of an open question, or the letter of the right option."""
    return _texts_of(row["answer"])


def _texts_of(right: Any) -> list[str]:
    # A list is in some rows the text of one, which the reference compares as a text.
    if isinstance(right, str) and right.startswith("["):
        try:
            return [str(text) for text in ast.literal_eval(right)]
        except (ValueError, SyntaxError):
            return [right]
    return [right] if isinstance(right, str) else [str(text) for text in right]


def _robust_match(right: Any, answer: str) -> bool:
    """Return whether an answer has a right answer as whole words, or its number."""
    numbers = {value for text in _NUMBER.findall(answer) for value in normalized_values(text)}
    for gold in _texts_of(right):
        values = normalized_values(gold)
        if isinstance(values[0], float):
            if values[0] in numbers:
                return True
        elif contains_words(normalized(answer), normalized(gold)):
            return True
    return False


def drop(row: Row) -> str | None:
    """Return why a row cannot be asked."""
    if row["question_type"] != MULTIPLE_CHOICE:
        return None
    try:
        return None if options(row) else "no options in the data"
    except (ValueError, SyntaxError):
        return "options are not readable"


def subject(row: Row) -> str:
    """Return the subject that is part of a row's id."""
    match = _SUBJECT.match(row["id"])
    return match[1] if match else ""


def chance(row: Row) -> float:
    """Return the score of a random option."""
    return 1 / len(options(row)) if row["question_type"] == MULTIPLE_CHOICE else 0.0


def facets(row: Row) -> Mapping[str, str]:
    """Return subject and type of a row."""
    return {"subject": subject(row), "question type": row["question_type"]}


def texts_of_options(row: Row) -> list[str]:
    """Return the texts of the options; none of an open question."""
    return list(options(row).values()) if row["question_type"] == MULTIPLE_CHOICE else []


def right(row: Row) -> int | None:
    """Return the place of the right option, None if it is not one of them."""
    place = LETTERS.find(row["answer"]) if isinstance(row["answer"], str) and len(row["answer"]) == 1 else -1
    return place if place >= 0 else None


def turned(row: Row, shift: int) -> Row:
    """Return a row with moved options."""
    found, place = moved(texts_of_options(row), shift), right(row)
    assert place is not None, "rows without it are left out"
    return {**row, "options": repr(found), "answer": LETTERS[moved_place(place, shift, len(found))]}


XMMMU = Benchmark(
    name="xmmmu",
    title="xMMMU",
    groups=("mainstream",),
    source=Source(repo="neulab/PangeaBench-xmmmu"),
    splits={code: Split(name=code) for code in ("ar", "en", "fr", "hi", "id", "ja", "pt")},
    columns={
        "id": "str",
        "question": "str",
        "options": "str",
        "question_type": "str",
        "answer": "any",
        **{f"image_{number}": "image?" for number in range(1, NUM_IMAGES + 1)},
    },
    prompt=prompt,
    images=images,
    score=score,
    drop=drop,
    answers=golds,
    item=lambda row: row["id"],
    cluster=lambda row: row["id"],
    facets=facets,
    rotation=Rotation(options=texts_of_options, right=right, turn=turned, question=lambda row: row["question"]),
    max_tokens=16,
    chance=chance,
    deviations=(
        "English has 900 questions and other languages have 269 to 298 of them, so they are different sets. "
        "With --max-questions, the same questions are chosen in all languages that have them.",
    ),
    anchors=(
        Anchor("Pangea-7B", "en", 45.7, "Pangea project page", True),
        Anchor("Pangea-7B", "mul", 43.7, "Pangea project page", True),
        Anchor("GPT-4o", "en", 69.1, "Pangea project page", True),
        Anchor("GPT-4o", "mul", 58.3, "Pangea project page", True),
    ),
)
MMMU = dataclasses.replace(
    XMMMU,
    name="mmmu",
    title="MMMU, validation",
    source=Source(repo="lmms-lab/MMMU"),
    splits={"en": Split(name="validation")},
    prompt=mmmu_prompt,
    images=mmmu_images,
    max_tokens=128,
    unverified=("Which scores of Pangea are those of MMMU itself.",),
    deviations=("Answers are read by the parser of MMMU's authors; the harness has had a newer one since.",),
    anchors=(),
)
BENCHMARKS = (XMMMU, MMMU)
