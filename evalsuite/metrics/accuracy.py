"""From answers to figures: every accuracy with its controls beside it."""

from collections.abc import Iterable
from typing import Any

from evalsuite.metrics.standard_error import clustered_stderr, mean

CHANCE = {"choice": 0.25, "open": 0.0}
SUBSETS = ("all", "shared", "novel")
"""All questions; those whose right answer is also an answer in a trained language; those whose is not."""


def accuracies(answers: list[dict[str, Any]], trained: Iterable[str]) -> list[dict[str, Any]]:
    """One figure for each split, kind, language (or group of languages) and subset.

    Args:
        answers: rows with split, kind, language, condition, correct, image, shared.
        trained: languages that the model was trained in.

    Returns:
        Rows with split, kind, language, group (`trained` or `held-out`), subset, chance, and under `image` and
        `blind` each n, accuracy and stderr. `language` is `*` for a whole group.
    """
    known = set(trained)
    rows = []
    for split in _distinct(answers, "split"):
        for question_type in ("choice", "open"):
            part = [a for a in answers if a["split"] == split and a["question_type"] == question_type]
            for group in ("trained", "held-out"):
                own = [a for a in part if (a["language"] in known) == (group == "trained")]
                for language in [*_distinct(own, "language"), "*"] if own else []:
                    chosen = own if language == "*" else [a for a in own if a["language"] == language]
                    rows += _subsets(
                        {"split": split, "question_type": question_type, "group": group, "language": language}, chosen
                    )
    return rows


def _subsets(head: dict[str, str], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # In a trained language every answer has been seen: the distinction is for the held-out ones.
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


def find(rows: list[dict[str, Any]], **wanted: str) -> dict[str, Any] | None:
    """The figure with the given split, kind, group, language and subset."""
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def _distinct(rows: list[dict[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))
