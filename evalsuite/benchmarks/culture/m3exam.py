"""M3Exam: the questions with images of school exams in seven languages.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/m3exam` (commit ecc4403).
"""

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from evalsuite.benchmarks.base import IMAGE_MARK, Anchor, Benchmark, Row, Score, code_of, draw
from evalsuite.benchmarks.rotation import Rotation, moved, moved_place
from evalsuite.data.images import ABSENT
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter
from evalsuite.metrics.reference_letter import DRAWN_FROM, reference_letter

LANGUAGES = ("afrikaans", "chinese", "english", "italian", "portuguese", "thai", "vietnamese")
NUM_IMAGES = 10
LETTERS = "ABCDEFGH"
_PLACEHOLDER = re.compile(r"\(image\)\[[^\]]+\]")
_OPTION_LABEL = re.compile(r"^[\(（]?[A-Da-d\d][\)）\.\s]+\s*")
_NUMBER = re.compile(r"\(?(\d)\)?")


@functools.cache
def texts() -> dict[str, Any]:
    """Return hint, cue and names of subjects of each language."""
    return tomllib.loads((resources.files("evalsuite.benchmarks.culture") / "m3exam.toml").read_text("utf-8"))


def options(row: Row) -> list[str]:
    """Return the options as the prompt has them; none if one of them is an image."""
    if any(_PLACEHOLDER.search(option) for option in row["options"]):
        return []
    return [
        f"({chr(ord('A') + number)}) {_OPTION_LABEL.sub('', option)}" for number, option in enumerate(row["options"])
    ]


def prompt(row: Row) -> str:
    """Return the question with its hint in the language of the exam. The first image has a place, others do not."""
    text = texts()[row["language"]]
    hint = text["hint"].format(subject=text["subjects"][row["subject_category"]])
    background = "\n" + "\n".join(row["background_description"]) if row["background_description"] else ""
    question = _PLACEHOLDER.sub("", _PLACEHOLDER.sub(IMAGE_MARK, row["question_text"], count=1))
    return f"{hint}\n\n{background}\n{question}\n" + "\n".join(options(row)) + f"\n{text['cue']}"


def images(row: Row) -> list[Any]:
    """Return the images of a row, as base64 text."""
    values = [row[f"image_{number}"] for number in range(NUM_IMAGES)]
    return [value for value in values if value is not None and value != ABSENT]


def gold(answer: str) -> str:
    """Return the right answer as the harness encodes it: digits become letters, other labels stay as they are.

    Raises:
        ValueError: the answer is the text of all digits, at which the harness stops.
    """
    if answer in "ABCDEFGH":
        return answer
    if answer in "12345678":
        return chr(ord("A") + int(answer) - 1)
    match = _NUMBER.match(answer)
    return chr(ord("A") + int(match[1]) - 1) if match else answer


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer."""
    letter = reference_letter(answer, row["options"])
    predicted = letter or draw(DRAWN_FROM, f"{row['language']} {row['id']}")
    texts = [_OPTION_LABEL.sub("", option) for option in row["options"]]
    found = chosen_letter(answer, LETTERS[: len(texts)], texts)
    return Score(
        reference=float(predicted == gold(row["answer_text"])),
        robust=float(found is not None and found == robust_gold(row["answer_text"])),
        answer=found,
        guessed=letter is None,
    )


def robust_gold(answer: str) -> str | None:
    """Return the letter of the right answer without its brackets and periods; None if it names no letter."""
    bare = answer.strip().strip("()（）.．、 ")
    if len(bare) != 1:
        return None
    if bare.isdigit() and bare != "0":
        return chr(ord("A") + int(bare) - 1)
    return bare.upper() if bare.upper() in LETTERS else None


def drop(row: Row) -> str | None:
    """Return why a row cannot be scored."""
    try:
        gold(row["answer_text"])
    except ValueError:
        return "no single right answer in the data"
    return None


def facets(row: Row) -> Mapping[str, str]:
    """Return subject and level of a row."""
    return {"subject": row["subject_category"], "level": row["level"]}


def _parts(row: Row) -> list[tuple[str, str]]:
    """Return label and text of each option. Labels from E on stay in the prompt, unless they are digits."""
    parts = []
    for place, option in enumerate(row["options"]):
        own = re.match(rf"[\(（]?{LETTERS[place]}[\)）.]\s*", option) if 4 <= place < len(LETTERS) else None
        match = _OPTION_LABEL.match(option) or own
        end = match.end() if match else 0
        parts.append((option[:end], option[end:]))
    return parts


def texts_of_options(row: Row) -> list[str]:
    """Return the options without their labels."""
    return [text for _, text in _parts(row)]


def right(row: Row) -> int | None:
    """Return the place of the right option."""
    letter = robust_gold(row["answer_text"])
    return None if letter is None else LETTERS.index(letter)


def turned(row: Row, shift: int) -> Row:
    """Return a row with moved texts of options. The labels stay where they are."""
    parts, place = _parts(row), right(row)
    assert place is not None, "rows without it are left out"
    # The prompt would remove the beginning of some texts without a label.
    labels = [label or f"{number}. " for number, (label, _) in enumerate(parts, 1)]
    texts = moved([text for _, text in parts], shift)
    return {
        **row,
        "options": [label + text for label, text in zip(labels, texts, strict=True)],
        "answer_text": LETTERS[moved_place(place, shift, len(parts))],
    }


M3EXAM = Benchmark(
    name="m3exam",
    title="M3Exam, questions with images",
    groups=("culture", "held-out"),
    source=Source(repo="neulab/PangeaBench-m3exam"),
    splits={name: Split(name=name) for name in LANGUAGES},
    columns={
        "question_text": "str",
        "background_description": "list",
        "answer_text": "str",
        "options": "list",
        "language": "str",
        "level": "str",
        "subject_category": "str",
        "id": "int",
        **{f"image_{number}": "image text" for number in range(NUM_IMAGES)},
    },
    prompt=prompt,
    images=images,
    score=score,
    drop=drop,
    answers=lambda row: [row["answer_text"]],
    item=lambda row: f"{row['language']} {row['id']}",
    language=lambda row: code_of(row["split"].capitalize()),
    facets=facets,
    rotation=Rotation(
        options=texts_of_options,
        right=right,
        turn=turned,
        question=lambda row: "\n".join([*row["background_description"], row["question_text"]]),
    ),
    max_tokens=16,
    other_max_tokens={"chinese": 32},
    chance=lambda row: 1 / len(row["options"]) if row["options"] else 0.0,
    deviations=("Options that are images are not in the prompt, as in the reference: the model sees no options.",),
    anchors=(
        Anchor("Pangea-7B", "en", 61.4, "Pangea project page", True),
        Anchor("Pangea-7B", "mul", 42.1, "Pangea project page", True),
        Anchor("GPT-4o", "en", 68.0, "Pangea project page", True),
        Anchor("GPT-4o", "mul", 61.0, "Pangea project page", True),
    ),
)
BENCHMARKS = (M3EXAM,)
