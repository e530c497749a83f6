"""Rows of other harnesses' files as rows of the benchmarks, whose prompts and scores read them."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from evalsuite.benchmarks.base import Benchmark

LETTERS = "ABCDEFGH"


def _options(row: Mapping[str, Any]) -> list[str]:
    return [str(row[letter]) for letter in LETTERS if str(row.get(letter) or "").lower() not in ("", "nan")]


def _cvqa(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of VLMEvalKit's CVQA, which has the options in columns and the answer as a letter."""
    options = _options(row)
    return {
        "ID": row["index"],
        "Question": row["question"],
        "Translated Question": row["question"],
        "Options": options,
        "Translated Options": options,
        "Label": LETTERS.index(row["answer"].strip()),
        "Category": row.get("category", ""),
        "Subset": row.get("Subset") or str((row.get("language", "unknown"), row.get("country", "unknown"))),
    }


def _textvqa(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of VLMEvalKit's TextVQA, whose answers are the text of a Python list."""
    answers: Any = row["answer"] if "answer" in row else row["answers"]
    found = ast.literal_eval(answers) if isinstance(answers, str) else answers
    return {
        "question": row["question"],
        "answers": [str(answer) for answer in found],
        "question_id": row["index"],
        "image_id": row.get("image_path", row["index"]),
    }


def _mtvqa(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of MTVQA, whose language is the category in other harnesses."""
    return {
        "question": row["question"],
        "answer": row["answer"],
        "lang": row.get("lang") or row["category"],
        "id": row.get("id") or row.get("image_path") or row["index"],
    }


def _as_it_is(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row)


VLMEVALKIT: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "cvqa": _cvqa,
    "cvqa_english": _cvqa,
    "mmmb": _as_it_is,
    "mtvqa": _mtvqa,
    "textvqa": _textvqa,
}
"""Functions that turn a row of a table into one of a benchmark."""
LMMS_EVAL: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"mtvqa": _mtvqa}
"""Benchmarks whose rows lmms-eval changes."""


def adapter(benchmark: Benchmark, *, table: bool) -> Callable[[Mapping[str, Any]], dict[str, Any]] | None:
    """Return how a row of a file becomes one of a benchmark; None if it is not known.

    Args:
        benchmark: the benchmark.
        table: whether the file is a table of VLMEvalKit.
    """
    if table:
        return VLMEVALKIT.get(benchmark.name)
    return LMMS_EVAL.get(benchmark.name, _as_it_is)
