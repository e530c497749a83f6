"""Validity of the rows of a data set: every importer keeps only rows that training and evaluation can use."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.dataset.sources import reasons
from pangea_cultural.dataset.sources.fields import RowError, has_controls, image, is_blank, language_code


def require_valid(row: dict[str, Any]) -> None:
    """Check a row with the columns of a question. Its language becomes a code of the table.

    Raises:
        RowError: a column is missing, empty or invalid.
    """
    if any(row[name] is None for name in QUESTION_SCHEMA.names) or None in (*row["answers"], *row["choices"]):
        raise RowError(reasons.EMPTY_TEXT)
    if any(has_controls(text) for text in _texts(row)):
        raise RowError(reasons.TEXT_WITH_CONTROLS)
    if not row["id"] or is_blank(row["question"]) or is_blank(row["answer"]):
        raise RowError(reasons.EMPTY_TEXT)
    if row["question_type"] not in ("open", "choice"):
        raise RowError(reasons.UNKNOWN_QUESTION_TYPE)
    if row["question_type"] == "choice":
        require_one_right(row["answer"], row["choices"])
    row["language"] = language_code(row["language"], "")
    if row["image"]:
        image(row["image"])


def _texts(row: dict[str, Any]) -> Iterator[str]:
    for name in QUESTION_SCHEMA.names:
        yield from row[name] if isinstance(row[name], list) else (row[name],)


def require_one_right(answer: str, choices: list[str]) -> None:
    """Check that one of the choices is right. Choices that differ only in case, blanks or composition are equal.

    Raises:
        RowError: choices are equal, or none is the answer.
    """
    if len({" ".join(unicodedata.normalize("NFC", text).lower().split()) for text in choices}) < len(choices):
        raise RowError(reasons.EQUAL_CHOICES)
    if answer not in choices:
        raise RowError(reasons.ANSWER_NOT_A_CHOICE)
