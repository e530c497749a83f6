"""Accuracies by split, question type and language, with the right image and blind."""

from collections.abc import Iterable
from typing import Any

from evalsuite.metrics.standard_error import clustered_stderr, mean

CHANCE = {"choice": 0.25, "open": 0.0}
SUBSETS = ("all", "shared", "novel")
"""`shared`: questions with a right answer that also occurs in a trained language. `novel`: the others."""


def accuracies(answers: list[dict[str, Any]], trained: Iterable[str]) -> list[dict[str, Any]]:
    """Return one row for each split, question type, language (or group of languages) and subset.

    Args:
        answers: rows with split, question_type, language, condition, correct, image, shared.
        trained: languages of the training.

    Returns:
        Rows with split, question_type, language, group (`trained` or `held-out`), subset, chance, and n, accuracy and
        stderr under both `image` and `blind`. `language` is `*` for all languages of a group.
    """
    trained = set(trained)
    rows = []
    for split in _distinct(answers, "split"):
        for question_type in ("choice", "open"):
            part = [a for a in answers if a["split"] == split and a["question_type"] == question_type]
            for group in ("trained", "held-out"):
                in_group = [a for a in part if (a["language"] in trained) == (group == "trained")]
                for language in [*_distinct(in_group, "language"), "*"] if in_group else []:
                    chosen = in_group if language == "*" else [a for a in in_group if a["language"] == language]
                    rows += _subsets(
                        {"split": split, "question_type": question_type, "group": group, "language": language}, chosen
                    )
    return rows


def _subsets(head: dict[str, str], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # In a trained language, all answers occur in training, so only held-out languages have subsets.
    subsets = SUBSETS if head["group"] == "held-out" else SUBSETS[:1]
    rows = []
    for subset in subsets:
        chosen = [a for a in answers if subset == "all" or a["shared"] == (subset == "shared")]
        scores = {
            condition: _score([a for a in chosen if a["condition"] == condition]) for condition in ("image", "blind")
        }
        rows.append(head | {"subset": subset, "chance": CHANCE[head["question_type"]]} | scores)
    return rows


def _score(answers: list[dict[str, Any]]) -> dict[str, Any]:
    correct = [float(a["correct"]) for a in answers]
    return {
        "n": len(correct),
        "accuracy": mean(correct),
        "stderr": clustered_stderr(correct, [a["image"] for a in answers]),
    }


def find(rows: list[dict[str, Any]], **keys: str) -> dict[str, Any] | None:
    """Return the row with the given split, question_type, group, language and subset; None if there is none."""
    return next((row for row in rows if all(row[key] == value for key, value in keys.items())), None)


def _distinct(rows: list[dict[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))
