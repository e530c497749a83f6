"""Afri-MCQA: multiple-choice questions about photos in 16 African languages, natively and in English.

Data: Atnafu/Afri-MCQA (Tonja et al., 2026). Only the split `dev` says which option is right. No prompt of the authors
is public, so this one has the form of CVQA's.
"""

import dataclasses
from collections.abc import Mapping

from evalsuite.benchmarks.base import Benchmark, Row, Score, code_of
from evalsuite.benchmarks.culture.cvqa import INSTRUCTION
from evalsuite.benchmarks.rotation import SHIFT, Rotation, moved
from evalsuite.data.source import Source, Split
from evalsuite.metrics.choice import chosen_letter
from evalsuite.metrics.exact_match import normalized
from pangea_cultural.utils.sampling import hash_key

LETTERS = "ABCD"
LANGUAGES = (
    "Akan_Twi",
    "Amharic",
    "Chichewa",
    "Hausa",
    "Igbo",
    "Kikuyu",
    "Kinyarwanda",
    "Lingala",
    "Luganda",
    "Oromo",
    "Sesotho",
    "Setswana",
    "Somali",
    "Tigrinya",
    "Yoruba",
    "Zulu",
)
_ABSENT = frozenset(("", "nan", "none", "null"))
"""Texts that stand for an absent value."""


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a question in one language."""

    question: str
    right: str
    wrong: str
    """Their common beginning, before the number."""


NATIVE = Columns("native_question", "correct_native", "wrong_native_o")
ENGLISH = Columns("eng_question", "correct_en", "wrong_en_o")


def text(row: Row, column: str) -> str:
    """Return a text of a row, empty if it is absent."""
    found = str(row.get(column) or "").strip()
    return "" if found.lower() in _ABSENT else found


def wrong_options(row: Row, columns: Columns) -> list[str]:
    """Return the distractors, without absent and repeated ones."""
    found = [text(row, f"{columns.wrong}{number}") for number in (1, 2, 3)]
    return list(dict.fromkeys(option for option in found if option))


def options(row: Row, columns: Columns) -> list[str]:
    """Return the options in an order that depends on the row's id only. The data set has the right one first."""
    found = [text(row, columns.right), *wrong_options(row, columns)]
    return moved(sorted(found, key=lambda option: hash_key(f"{row['ID']} {option}")), row.get(SHIFT, 0))


def prompt(row: Row, columns: Columns = NATIVE) -> str:
    """Return the question with shuffled options."""
    lines = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options(row, columns), strict=False))
    return f"Question: {text(row, columns.question)}\nOptions:\n{lines}\n{INSTRUCTION}"


def score(row: Row, answer: str, columns: Columns = NATIVE) -> Score:
    """Return the robust score of an answer. There is no reference."""
    found = options(row, columns)
    letter = chosen_letter(answer, LETTERS[: len(found)], found)
    right = LETTERS[found.index(text(row, columns.right))]
    return Score(reference=None, robust=float(letter == right), answer=letter)


def drop(row: Row, columns: Columns = NATIVE) -> str | None:
    """Return why a row cannot be scored."""
    right, wrong = text(row, columns.right), wrong_options(row, columns)
    if not text(row, columns.question) or not right:
        return "no question or no answer in the data"
    if normalized(right) in map(normalized, wrong):
        return "the right answer is also a wrong one"
    return None if wrong else "no wrong options in the data"


def facets(row: Row) -> Mapping[str, str]:
    """Return country and category of a row."""
    return {"country": text(row, "Country"), "category": text(row, "Category")}


def _rotation(columns: Columns) -> Rotation:
    return Rotation(
        options=lambda row: options(row, columns),
        right=lambda row: options(row, columns).index(text(row, columns.right)),
        turn=lambda row, shift: {**row, SHIFT: shift},
        question=lambda row: text(row, columns.question),
    )


AFRI_MCQA = Benchmark(
    name="afri_mcqa",
    title="Afri-MCQA, native language",
    groups=("culture", "held-out"),
    source=Source(repo="Atnafu/Afri-MCQA", revision="8b8c53df57b0c2cf9d9798c53515ba1dd14df669"),
    splits={name: Split(config=f"{name}_dev", name="dev") for name in LANGUAGES},
    columns={"image": "image", "ID": "any", "Country": "str?", "Category": "str?"}
    | {
        name: "str"
        for columns in (NATIVE, ENGLISH)
        for name in (columns.question, columns.right, *(f"{columns.wrong}{number}" for number in (1, 2, 3)))
    },
    prompt=prompt,
    score=score,
    has_reference=False,
    drop=drop,
    answers=lambda row: [text(row, NATIVE.right)],
    item=lambda row: f"{row['split']} {row['ID']}",
    language=lambda row: code_of(row["split"].split("_")[0]),
    facets=facets,
    rotation=_rotation(NATIVE),
    max_tokens=16,
    chance=lambda row: 1 / len(options(row, NATIVE)),
    unverified=("The prompt of the authors. This one has the form of CVQA's.",),
    deviations=("Only the split dev is asked. The split test does not say which option is right.",),
)
IN_ENGLISH = dataclasses.replace(
    AFRI_MCQA,
    name="afri_mcqa_english",
    title="Afri-MCQA, English",
    groups=("culture",),
    prompt=lambda row: prompt(row, ENGLISH),
    score=lambda row, answer: score(row, answer, ENGLISH),
    drop=lambda row: drop(row, ENGLISH),
    answers=lambda row: [text(row, ENGLISH.right)],
    language=lambda row: "en",
    rotation=_rotation(ENGLISH),
    chance=lambda row: 1 / len(options(row, ENGLISH)),
)
BENCHMARKS = (AFRI_MCQA, IN_ENGLISH)
