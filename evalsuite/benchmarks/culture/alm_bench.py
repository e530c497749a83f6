"""ALM-Bench: questions about images in 100 languages; those whose answers need no judge.

`alm_bench_towervision` is the protocol of TowerVision (GuilhermeViveiros/LLaVA-NeXT, commit 02c39e8): multiple choice,
options in the order of the data, exact match. The right option is first in 89 % of its questions. `alm_bench` is this
project's own: shuffled options with letters, and true-false questions with the prompt of the authors
(mbzuai-oryx/ALM-Bench, commit 5111bb4). The authors themselves let GPT-4o judge all answers, which neither does.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from evalsuite.benchmarks.base import Anchor, Benchmark, Row, Score, code_of
from evalsuite.benchmarks.rotation import SHIFT, Rotation, moved, moved_place
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.whole_words import contains_words
from evalsuite.metrics.yes_no import yes_or_no
from pangea_cultural.utils.sampling import hash_key

CHOICE = "Multiple Choice Questions"
TRUE_FALSE = "True False Question"
LETTERS = "ABCDEFGH"
VARIETIES = {
    "Egyptian Arabic": "Arabic",
    "Emirati Arabic": "Arabic",
    "Saudi Arabic": "Arabic",
    "Chinese (Simplified)": "Chinese",
    "Chinese (Traditional)": "Chinese",
    "Myanmar (Burmese)": "Burmese",
    "Odia (Oriya)": "Odia",
}
_TOWERVISION = (
    "For the given Multiple Choice Question Answer below, analyze the question and answer strictly from one of the "
    "options below. Strictly answer the choice only. No additional text."
)
_BRACKETS = {")": "(", "）": "（"}
_COMMA = re.compile(r"\s*[,，、،]\s*")
_COLON = re.compile("[:：]")


class Choices(NamedTuple):
    """The options of a row, which the data set writes behind the right answer in brackets."""

    options: list[str]
    """Their texts, in the order of the data."""
    right: int
    """Place of the right option."""


def choices(answer: str) -> Choices | None:
    """Return the options that an answer has in its last brackets; None if it cannot be read.

    The brackets hold a word for "options" in some language, a colon, and the options.
    """
    text = answer.strip().rstrip(".。 ")
    opening = _opening(text)
    if opening is None:
        return None
    options = _split(_COLON.split(text[opening + 1 : -1], maxsplit=1)[-1])
    names = [normalized(option) for option in options]
    right = normalized(text[:opening])
    if len(options) < 2 or len(options) > len(LETTERS) or names.count(right) != 1:
        return None
    return Choices(options, names.index(right))


def _opening(text: str) -> int | None:
    """Return the place of the bracket that the last character closes."""
    closing = text[-1:]
    if closing not in _BRACKETS or not closing:
        return None
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == closing) - (text[place] == _BRACKETS[closing])
        if depth == 0:
            return place
    return None


def _split(text: str) -> list[str]:
    """Return the options of a list. Where capitals begin options, other commas are part of them."""
    pieces = _COMMA.split(text.strip())
    if not any(piece[:1].isupper() for piece in pieces[1:]):
        return [piece for piece in pieces if piece]
    options: list[str] = []
    for piece in pieces:
        if options and not piece[:1].isupper():
            options[-1] += f", {piece}"
        else:
            options.append(piece)
    return options


def in_order(row: Row) -> Choices | None:
    """Return the options in the order of the data, moved by the row's shift if it has one."""
    found = choices(row["Translated_Answer"])
    return None if found is None else _moved(found, row)


def _moved(found: Choices, row: Row) -> Choices:
    shift, count = row.get(SHIFT, 0), len(found.options)
    return Choices(moved(found.options, shift), moved_place(found.right, shift, count))


def shuffled(row: Row) -> Choices | None:
    """Return the options in an order that depends on the row's id only, moved by its shift if it has one."""
    found = choices(row["Translated_Answer"])
    if found is None:
        return None
    order = sorted(range(len(found.options)), key=lambda place: hash_key(f"{row['ID'].strip()} {place}"))
    return _moved(Choices([found.options[place] for place in order], order.index(found.right)), row)


def prompt(row: Row) -> str:
    """Return the question with shuffled options, or the authors' prompt of a true-false question."""
    if row["Question_Type"] == TRUE_FALSE:
        return (
            f"{row['Translated_Question']}\nThe above question is a True/False question. "
            f"Please provide the answer as one word in {row['Language']}"
        )
    found = shuffled(row)
    assert found is not None, "rows that cannot be read are dropped"
    lines = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, found.options, strict=False))
    return f"{row['Translated_Question']}\n{lines}\nAnswer with the option's letter from the given choices directly."


def towervision_prompt(row: Row) -> str:
    """Return the prompt of TowerVision, with one option on each line."""
    found = in_order(row)
    assert found is not None, "rows that cannot be read are dropped"
    return f"{_TOWERVISION} {row['Translated_Question']}\n" + "\n".join(found.options)


def score(row: Row, answer: str) -> Score:
    """Return the robust score of an answer. There is no reference without a judge."""
    if row["Question_Type"] == TRUE_FALSE:
        return _true_false_score(row["Translated_Answer"], answer)
    found = shuffled(row)
    assert found is not None, "rows that cannot be read are dropped"
    letter = chosen_letter(answer, LETTERS[: len(found.options)], found.options)
    return Score(reference=None, robust=float(letter == LETTERS[found.right]), answer=letter)


def _true_false_score(right: str, answer: str) -> Score:
    expected, value = yes_or_no(right), yes_or_no(answer)
    if expected and value:
        return Score(reference=None, robust=float(expected == value), answer=value)
    text = normalized(answer)
    return Score(reference=None, robust=float(contains_words(text, normalized(right))), answer=text or None)


def towervision_score(row: Row, answer: str) -> Score:
    """Return the exact match of TowerVision, where case and periods matter, and the option that an answer names."""
    found = in_order(row)
    assert found is not None, "rows that cannot be read are dropped"
    text = answer.split("\n\n")[0].strip()
    letter = chosen_letter(text, LETTERS[: len(found.options)], found.options)
    right = row["Translated_Answer"].strip().rstrip(".。 ")
    right = right[: _opening(right)].strip()
    return Score(reference=float(text == right), robust=float(letter == LETTERS[found.right]), answer=letter)


def drop(row: Row) -> str | None:
    """Return why a row is not asked."""
    if row["Question_Type"] == TRUE_FALSE:
        return None if normalized(row["Translated_Answer"]) else "no answer in the data"
    return towervision_drop(row)


def towervision_drop(row: Row) -> str | None:
    """Return why a row is not asked by TowerVision, which has multiple choice only."""
    if row["Question_Type"] != CHOICE:
        return "needs a judge" if row["Question_Type"] != TRUE_FALSE else "not multiple choice"
    return None if choices(row["Translated_Answer"]) else "options or right answer are not readable"


def language(row: Row) -> str:
    """Return the code of a row's language, or the data set's name of one that is not known here."""
    name: str = row["Language"]
    return code_of(VARIETIES.get(name, name))


def facets(row: Row) -> Mapping[str, str]:
    """Return category, type and variety of a row."""
    return {"category": row["Category"], "question type": row["Question_Type"], "variety": row["Language"]}


def _chance(row: Row) -> float:
    found = choices(row["Translated_Answer"]) if row["Question_Type"] == CHOICE else None
    return 1 / len(found.options) if found else 0.5


def _rotation(read: Callable[[Row], Choices | None]) -> Rotation:
    def found(row: Row) -> Choices:
        return (read(row) if row["Question_Type"] == CHOICE else None) or Choices([], 0)

    return Rotation(
        options=lambda row: found(row).options,
        right=lambda row: found(row).right,
        turn=lambda row, shift: {**row, SHIFT: shift},
        question=lambda row: row["Translated_Question"],
    )


JUDGE = "Questions with short and long answers need a judge and are left out."
ALM_BENCH = Benchmark(
    name="alm_bench",
    title="ALM-Bench, shuffled options and true-false",
    groups=("culture", "held-out"),
    source=Source(repo="MBZUAI/ALM-Bench"),
    splits={"all": Split(name="test")},
    languages_share_splits=True,
    columns={
        "file_name": "image",
        "ID": "str",
        "Language": "str",
        "Category": "str",
        "Question_Type": "str",
        "Translated_Question": "str",
        "Translated_Answer": "str",
    },
    prompt=prompt,
    images=lambda row: [row["file_name"]],
    score=score,
    has_reference=False,
    drop=drop,
    # True-false questions have no options.
    answers=lambda row: [row["Translated_Answer"].strip()],
    item=lambda row: row["ID"].strip(),
    language=language,
    facets=facets,
    rotation=_rotation(shuffled),
    max_tokens=32,
    chance=_chance,
    unverified=("The protocol of the scores of CulturalPangea.",),
    deviations=(JUDGE, "Prompt and score are this project's own, so they are not comparable with published ones."),
)
TOWERVISION = dataclasses.replace(
    ALM_BENCH,
    name="alm_bench_towervision",
    title="ALM-Bench, multiple choice as in TowerVision",
    prompt=towervision_prompt,
    score=towervision_score,
    has_reference=True,
    drop=towervision_drop,
    rotation=_rotation(in_order),
    max_tokens=128,
    metric="exact match",
    unverified=(),
    deviations=(
        JUDGE,
        "The right option is the first one in 89 % of the questions, so this score is for comparison only.",
        "TowerVision asks in 9 languages; this run has all.",
    ),
    anchors=(
        Anchor("CulturalPangea-7B", "en", 61.3, "TowerVision", True),
        Anchor("CulturalPangea-7B", "mul", 65.2, "TowerVision, 8 languages", False),
        Anchor("Qwen2.5-VL-7B", "en", 83.1, "TowerVision", True),
    ),
)
BENCHMARKS = (ALM_BENCH, TOWERVISION)
