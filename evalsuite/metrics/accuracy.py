"""Accuracies by split, question type and language, with the right image and under controls."""

from collections.abc import Iterable
from typing import Any

from evalsuite.statistics.clusters import united
from evalsuite.statistics.difference import differences
from evalsuite.statistics.figure import figure
from evalsuite.statistics.gap import gap_interval
from evalsuite.statistics.interval import ends
from evalsuite.statistics.scores import Scores

CHANCE = {"choice": 0.25, "open": 0.0}
UNASKED = ("frequent", "words")
"""Controls that do not ask the model: the answer that is most frequent in training, and a guesser that sees texts."""
CONTROLS = ("blind", "gray", "text", *UNASKED)
"""The image of another entity, a gray image, no image, and `UNASKED`."""
SUBSETS = ("all", "shared", "novel")
"""`shared`: questions with a right answer that also occurs in a trained language. `novel`: the others."""


def accuracies(answers: list[dict[str, Any]], trained: Iterable[str]) -> list[dict[str, Any]]:
    """Return one row for each split, question type, language (or group of languages) and subset.

    Args:
        answers: rows with id, split, question_type, language, condition, correct, image, entity, shared.
        trained: languages of the training; none if they are not known.

    Returns:
        Rows with split, question_type, language, group (`trained`, `held-out` or `unknown`), subset, chance, and under
        `image` and each of `CONTROLS` the accuracy with n, clusters, and an interval of 95 % from low to high;
        `accuracy_by_sum` is that of the option with the highest sum of log-probabilities instead of the highest mean,
        None without likelihoods. `strongest` is the control with the highest accuracy (`control`), and how much higher
        the accuracy with the image is on the questions of both (`n`, `gain`, `low`, `high`); None without controls.
        `language` is `*` for all languages of a group.
    """
    trained = set(trained)
    answers = [answer | {"cluster": cluster} for answer, cluster in zip(answers, clusters(answers), strict=True)]
    rows = []
    for split in _distinct(answers, "split"):
        for question_type in ("choice", "open"):
            part = [a for a in answers if a["split"] == split and a["question_type"] == question_type]
            for group in ("trained", "held-out") if trained else ("unknown",):
                in_group = [a for a in part if group == "unknown" or (a["language"] in trained) == (group == "trained")]
                for language in [*_distinct(in_group, "language"), "*"] if in_group else []:
                    chosen = in_group if language == "*" else [a for a in in_group if a["language"] == language]
                    rows += _subsets(
                        {"split": split, "question_type": question_type, "group": group, "language": language}, chosen
                    )
    return rows


def _subsets(head: dict[str, str], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # In a trained language, all answers occur in training, so only held-out languages have subsets. Without a record
    # of the training, it is not known which answers occur in it.
    subsets = SUBSETS if head["group"] == "held-out" else SUBSETS[:1]
    rows = []
    for subset in subsets:
        chosen = [a for a in answers if subset == "all" or a["shared"] == (subset == "shared")]
        by_condition = {name: [a for a in chosen if a["condition"] == name] for name in ("image", *CONTROLS)}
        scores: dict[str, Any] = {name: _score(part) for name, part in by_condition.items()}
        scores["strongest"] = _strongest(by_condition, scores)
        rows.append(head | {"subset": subset, "chance": CHANCE[head["question_type"]]} | scores)
    return rows


def clusters(answers: list[dict[str, Any]]) -> list[int]:
    """Return the cluster of each answer: questions about images of the same entity, in any language, share one.

    A blind question belongs to the image that it showed, not to its own entity. Other controls show no image of one.
    """
    # Answers of earlier versions do not tell the entity of an image that is only shown under `blind`.
    entities = {answer["image"]: answer["entity"] for answer in answers if answer["condition"] == "image"}
    names = [
        [("image", a["image"]), ("entity", a.get("shown_entity") or entities.get(a["image"], a["image"]))]
        if a["image"]
        else [("entity", a["entity"])]
        for a in answers
    ]
    return united(names).tolist()


def _score(answers: list[dict[str, Any]]) -> dict[str, Any]:
    row = figure(Scores.of([float(a["correct"]) for a in answers], [a["cluster"] for a in answers])).as_row()
    by_sum = [float(a["correct_by_sum"]) for a in answers if a.get("correct_by_sum") is not None]
    accuracy_by_sum = sum(by_sum) / len(by_sum) if by_sum else None
    return {"accuracy": row.pop("mean"), "accuracy_by_sum": accuracy_by_sum} | row


def _strongest(answers: dict[str, list[dict[str, Any]]], scores: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    known = [name for name in CONTROLS if scores[name]["n"]]
    if not known:
        return None
    control = max(known, key=lambda name: scores[name]["accuracy"])
    right = {a["id"]: float(a["correct"]) for a in answers[control]}
    both = [a for a in answers["image"] if a["id"] in right]
    own, other = [float(a["correct"]) for a in both], [right[a["id"]] for a in both]
    _, _, gap = differences(own, other, [a["cluster"] for a in both])
    return {"control": control, "n": len(gap.values), "gain": gap.mean, **ends(gap_interval(gap))}


def find(rows: list[dict[str, Any]], **keys: str) -> dict[str, Any] | None:
    """Return the row with the given split, question_type, group, language and subset; None if there is none."""
    return next((row for row in rows if all(row[key] == value for key, value in keys.items())), None)


def _distinct(rows: list[dict[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows))
