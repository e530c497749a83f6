"""CVQA: multiple-choice questions about photos from 30 countries, in the native language and in English.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/cvqa` (commit ecc4403). The harness writes its
predictions to a file and computes no score; here a prediction is right if it is the row's label.
"""

import ast
import dataclasses
from collections.abc import Mapping

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score, code_of, draw
from evalsuite.benchmarks.rotation import Rotation, moved, moved_place
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter
from evalsuite.metrics.reference_letter import DRAWN_FROM, reference_letter

LETTERS = "ABCD"
INSTRUCTION = "Answer with the option's letter from the given choices directly."
VARIETIES = {"Egyptian_Arabic": "Arabic"}
"""Languages of subsets that are varieties of a language in the table."""


def subset(row: Row) -> tuple[str, str]:
    """Return language and country of a row, as the data set writes them; the column and no country if it has no pair.

    The column is the text of a Python pair.
    """
    try:
        name, country = ast.literal_eval(row["Subset"])
    except (ValueError, SyntaxError, TypeError):
        return row["Subset"], ""
    return str(name), str(country)


def language(row: Row) -> str:
    """Return the code of a row's language; the data set's own name for one that is not known here."""
    name, _ = subset(row)
    return code_of(VARIETIES.get(name, name))


def prompt(row: Row) -> str:
    """Return the question in the native language with the harness's blanks."""
    return _prompt(row["Question"], row["Options"])


def english_prompt(row: Row) -> str:
    """Return the English question with the harness's blanks."""
    return _prompt(row["Translated Question"], row["Translated Options"])


def _prompt(question: str, options: list[str]) -> str:
    lines = "\n".join(f"{chr(ord('A') + number)}. {option}" for number, option in enumerate(options))
    return f"Question: {question} \n\n Options: {lines} \n\n {INSTRUCTION}"


def score(row: Row, answer: str) -> Score:
    """Return the scores of an answer to the native question."""
    return _score(row, answer, row["Options"])


def english_score(row: Row, answer: str) -> Score:
    """Return the scores of an answer to the English question. The reference compares it with the native options."""
    return _score(row, answer, row["Translated Options"])


def _score(row: Row, answer: str, options: list[str]) -> Score:
    right = LETTERS[row["Label"]]
    letter = reference_letter(answer, row["Options"])
    predicted = letter or draw(DRAWN_FROM, row["ID"])
    found = chosen_letter(answer, LETTERS[: len(options)], options)
    return Score(
        # Letters beyond D stop the harness.
        reference=float(predicted == right) if predicted in LETTERS else None,
        robust=float(found == right),
        answer=found,
        guessed=letter is None,
    )


def drop(row: Row) -> str | None:
    """Return why a row cannot be scored. The harness takes the last option where a label is missing."""
    if not subset(row)[1]:
        return "language and country are not readable"
    if not 0 <= row["Label"] < len(row["Options"]):
        return "no label in the data"
    return None


def facets(row: Row) -> Mapping[str, str]:
    """Return country and category of a row."""
    return {"country": subset(row)[1], "category": row["Category"]}


def turned(row: Row, shift: int) -> Row:
    """Return a row with moved options, in both languages."""
    count = len(row["Options"])
    options = {name: moved(row[name], shift) for name in ("Options", "Translated Options")}
    return {**row, **options, "Label": moved_place(row["Label"], shift, count)}


def _rotation(question: str, options: str) -> Rotation:
    return Rotation(
        options=lambda row: row[options] if len(row["Options"]) == len(row["Translated Options"]) else [],
        right=lambda row: row["Label"],
        turn=turned,
        question=lambda row: row[question],
    )


CVQA = Benchmark(
    name="cvqa",
    title="CVQA, native language",
    groups=("culture", "held-out"),
    source=Source(repo="afaji/cvqa"),
    splits={"all": Split(name="test")},
    languages_share_splits=True,
    columns={
        "image": "image",
        "ID": "str",
        "Subset": "str",
        "Question": "str",
        "Translated Question": "str",
        "Options": "list",
        "Translated Options": "list",
        "Label": "int",
        "Category": "str",
    },
    prompt=prompt,
    score=score,
    drop=drop,
    answers=lambda row: [LETTERS[row["Label"]]],
    item=lambda row: row["ID"],
    language=language,
    facets=facets,
    rotation=_rotation("Question", "Options"),
    max_tokens=16,
    chance=lambda row: 1 / len(row["Options"]),
    unverified=("Whether published scores are means over questions or over the 39 subsets.",),
    anchors=(
        Anchor("Pangea-7B", "mul", 57.2, "Pangea project page", False),
        Anchor("GPT-4o", "mul", 79.4, "Pangea project page", False),
    ),
)
ENGLISH = dataclasses.replace(
    CVQA,
    name="cvqa_english",
    title="CVQA, English",
    groups=("culture",),
    prompt=english_prompt,
    score=english_score,
    language=lambda row: "en",
    rotation=_rotation("Translated Question", "Translated Options"),
    anchors=(
        Anchor("Pangea-7B", "en", 64.4, "Pangea project page", False),
        Anchor("GPT-4o", "en", 79.1, "Pangea project page", False),
    ),
)
BENCHMARKS = (CVQA, ENGLISH)
