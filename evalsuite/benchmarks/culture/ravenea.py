"""RAVENEA cVQA: multiple-choice questions about photos of CVQA and CCUB from seven countries, in English.

Reference: yfyuan01/RAVENEA, `src/downstream_cvqa.py` and `is_match` of `src/helper.py` (commit b7b3c29), without
retrieval.
"""

import re
from collections.abc import Mapping
from typing import Any

from evalsuite.benchmarks.base import Benchmark, Expansion, Row, Score, found_images
from evalsuite.benchmarks.rotation import Rotation, labeled, moved, moved_place
from evalsuite.data.side_images import ImageFiles
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter

LETTERS = "ABCD"
INSTRUCTION = (
    "Answer the following multiple choice question for the image. The last line must be of the following format: "
    "'Answer: $LETTER' (without quotes) where LETTER must be one of A, B, C, or D."
)
_ANSWER = re.compile(r"Answer:\s*([A-D])")
_OPENING = re.compile(r"^([A-D])\s*\)")
_LABEL = re.compile(r"^[A-D]\.\s*")


def questions(row: Row) -> list[dict[str, Any]]:
    """Return the questions about an image, each with its options and the right letter."""
    aligned = zip(row["questions"], row["options"], row["answers"], strict=False)
    found = [{"question": question, "labeled": list(labeled), "right": right} for question, labeled, right in aligned]
    complete = len(row["questions"]) == len(row["options"]) == len(row["answers"]) > 0
    return found if complete else [{"question": "", "labeled": [], "right": ""}]


def prompt(row: Row) -> str:
    """Return instruction, question and labeled options, one on each line."""
    return f"{INSTRUCTION}\n\nQuestion: {row['question']}\n\n" + "\n".join(row["labeled"])


def reference_letter(answer: str) -> str | None:
    """Return the letter that the reference reads, None if it reads none, which is wrong."""
    match = _ANSWER.search(answer) or _OPENING.search(answer)
    if match:
        return match[1]
    text = answer.strip()
    return text if len(text) == 1 else None


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer."""
    texts = [_LABEL.sub("", option) for option in row["labeled"]]
    found = chosen_letter(answer, LETTERS[: len(texts)], texts)
    return Score(
        reference=float(reference_letter(answer) == row["right"]), robust=float(found == row["right"]), answer=found
    )


def drop(row: Row) -> str | None:
    """Return why a question cannot be scored."""
    if not row["question"] or not 2 <= len(row["labeled"]) <= len(LETTERS):
        return "questions, options and answers are not readable"
    return None if row["right"] in LETTERS[: len(row["labeled"])] and row["right"] else "no answer in the data"


def facets(row: Row) -> Mapping[str, str]:
    """Return the country of a row."""
    return {"country": row["country"]}


def options(row: Row) -> list[str]:
    """Return the options without labels; none if the labels are not those of their order."""
    texts = [_LABEL.sub("", option) for option in row["labeled"]]
    return texts if labeled(texts) == row["labeled"] else []


def turned(row: Row, shift: int) -> Row:
    """Return a row with moved options."""
    found = options(row)
    right = moved_place(LETTERS.index(row["right"]), shift, len(found))
    return {**row, "labeled": labeled(moved(found, shift)), "right": LETTERS[right]}


SOURCE = Source(repo="jaagli/ravenea", revision="ff5a212a9bfa1515f82e0930b37b7d64e3e9ee2e")
ARCHIVE = "ravenea.zip"
RAVENEA = Benchmark(
    name="ravenea",
    title="RAVENEA cVQA, without retrieval",
    groups=("culture",),
    source=SOURCE,
    splits={"en": Split(name="cvqa", files=(ARCHIVE,), member="cvqa_downstream.jsonl")},
    columns={"file_name": "str", "country": "str", "questions": "list", "options": "any", "answers": "list"},
    expand=Expansion(columns=("question", "labeled", "right"), rows=questions),
    # Rows name their images from the folder above the release.
    side_images=ImageFiles(
        source=SOURCE, archive=ARCHIVE, folders=("", "ravenea/"), paths=lambda row: [row["file_name"]]
    ),
    images=found_images,
    prompt=prompt,
    score=score,
    drop=drop,
    answers=lambda row: [row["right"]],
    item=lambda row: f"{row['file_name']} {row['question']}",
    cluster=lambda row: row["file_name"],
    facets=facets,
    rotation=Rotation(
        options=options,
        right=lambda row: LETTERS.index(row["right"]),
        turn=turned,
        question=lambda row: row["question"],
    ),
    max_tokens=2048,
    chance=lambda row: 1 / len(row["labeled"]),
    deviations=("Images are sent upright. The reference ignores their EXIF orientation.",),
)
BENCHMARKS = (RAVENEA,)
