"""MMMB: multiple-choice questions in six languages, the same in each.

Reference: open-compass/VLMEvalKit, `vlmeval/dataset/image_mcq.py` and `can_infer` (commit e8e78f0), without a judge.
"""

import re

from evalsuite.benchmarks.base import Benchmark, Row, Score
from evalsuite.benchmarks.rotation import Rotation, moved
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter

LETTERS = "ABCD"
INSTRUCTION = "Please select the correct answer from the options above. \n"
_PUNCTUATION = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_SENTENCE = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])\**", re.IGNORECASE)
_LAST_WORDS = 4
REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
"""Texts that the harness takes for no answer."""
FILES = {"ar": "ar", "zh": "cn", "en": "en", "pt": "pt", "ru": "ru", "tr": "tr"}
"""Names of languages in the files of the data set."""


def options(row: Row) -> dict[str, str]:
    """Return the texts of the options by letter. Empty cells do not count."""
    return {letter: row[letter] for letter in LETTERS if _is_given(row.get(letter))}


def _is_given(text: str | None) -> bool:
    # The reference reads the file with pandas, to which these cells are empty.
    return bool(text) and str(text).strip().lower() not in ("nan", "none", "null", "")


def prompt(row: Row) -> str:
    """Return hint, question and options as the harness has them."""
    hint = f"Hint: {row['hint']}\n" if _is_given(row.get("hint")) else ""
    lines = "".join(f"{letter}. {text}\n" for letter, text in options(row).items())
    return f"{hint}Question: {row['question']}\nOptions:\n{lines}{INSTRUCTION}"


def reference_letter(answer: str, texts: dict[str, str]) -> str | None:
    """Return the letter that the harness infers without a judge, None if it infers none, which is wrong."""
    if any(text in answer for text in REFUSALS):
        return None
    words = answer.translate(_PUNCTUATION).split()
    alone = [letter for letter in texts if letter in words]
    if len(alone) == 1 and words.index(alone[0]) >= len(words) - _LAST_WORDS:
        return alone[0]
    match = _SENTENCE.search(answer)
    if match and match[1].upper() in texts:
        return match[1].upper()
    lowered = answer.lower()
    if len(lowered) > 2 * sum(len(text) for text in texts.values()):
        return None
    named = [letter for letter, text in texts.items() if text.lower() in lowered]
    return named[0] if len(named) == 1 else None


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer."""
    texts = options(row)
    found = chosen_letter(answer, "".join(texts), list(texts.values()))
    right = row["answer"].strip()
    return Score(reference=float(reference_letter(answer, texts) == right), robust=float(found == right), answer=found)


def drop(row: Row) -> str | None:
    """Return why a row cannot be scored."""
    return None if row["answer"].strip() in options(row) else "the right answer is not an option"


def turned(row: Row, shift: int) -> Row:
    """Return a row with moved options. Cells without an option stay empty."""
    found = options(row)
    texts = dict(zip(found, moved(list(found.values()), shift), strict=True))
    letters = moved(list(found), -shift)
    return {**row, **texts, "answer": letters[list(found).index(row["answer"].strip())]}


MMMB = Benchmark(
    name="mmmb",
    title="MMMB",
    groups=("mainstream",),
    source=Source(repo="AIDC-AI/Parrot-dataset"),
    splits={code: Split(name=code, files=(f"mmmb/mmmb_{name}.tsv",)) for code, name in FILES.items()},
    columns={"image": "image text", "index": "str", "question": "str", "answer": "str", "hint": "str?"}
    | {letter: "str" if letter in "AB" else "str?" for letter in LETTERS},
    prompt=prompt,
    score=score,
    drop=drop,
    answers=lambda row: [row["answer"].strip()],
    item=lambda row: row["index"],
    cluster=lambda row: row["index"],
    facets=lambda row: {"category": row["category"]} if row.get("category") else {},
    rotation=Rotation(
        options=lambda row: list(options(row).values()),
        right=lambda row: list(options(row)).index(row["answer"].strip()),
        turn=turned,
        question=lambda row: f"{row.get('hint') or ''}\n{row['question']}",
        labels=lambda row: list(options(row)),
    ),
    max_tokens=64,
    chance=lambda row: 1 / len(options(row)),
    unverified=("The number of questions.",),
    deviations=("Published scores mostly have a judge that reads answers. Here both scores have none.",),
)
BENCHMARKS = (MMMB,)
