"""Figures of a benchmark by language, and means over languages."""

from collections.abc import Iterable
from typing import Any

from evalsuite.statistics.figure import figure
from evalsuite.statistics.scores import Scores

Answer = dict[str, Any]


def language_figures(answers: list[Answer]) -> list[dict[str, Any]]:
    """Return one row for each language, and rows of means over languages.

    Args:
        answers: rows with language, group, cluster, reference (None if the harness stops), robust, parsed, guessed,
            chance and `more`, the scores of other metrics by name. Languages that share images share clusters.

    Returns:
        Rows with `languages` (a code, or `mul`: all but English, `trained`, `held-out`), n, clusters, chance, and under
        `reference`, `robust` and each name in `more` a mean with its interval. Means over languages weigh every
        language equally.
    """
    return [_row(name, group, part) for name, group, part in language_parts(answers)]


def language_parts(answers: list[Answer]) -> list[tuple[str, str, list[Answer]]]:
    """Return the parts that figures are about: name, group and answers. Those of means over languages have group `*`.

    Args:
        answers: rows with language and group.
    """
    by_language: dict[str, list[Answer]] = {}
    for answer in answers:
        by_language.setdefault(answer["language"], []).append(answer)
    parts = [(language, part[0]["group"], part) for language, part in by_language.items()]
    for name, chosen in (
        ("mul", [answer for answer in answers if answer["language"] != "en"]),
        ("trained", [answer for answer in answers if answer["group"] == "trained"]),
        ("held-out", [answer for answer in answers if answer["group"] == "held-out"]),
    ):
        if len({answer["language"] for answer in chosen}) > 1:
            parts.append((name, "*", chosen))
    return parts


def _row(name: str, group: str, answers: list[Answer]) -> dict[str, Any]:
    """Return the row of some answers. Their languages weigh the same, so a single language has a plain mean."""
    clusters = [answer["cluster"] for answer in answers]
    languages = [answer["language"] for answer in answers]

    def scores(values: Iterable[float | None]) -> Scores:
        return Scores.of(list(values), clusters, languages)

    return {
        "languages": name,
        "group": group,
        "n": len(answers),
        "clusters": len(set(clusters)),
        "reference": figure(scores(answer["reference"] for answer in answers)).as_row(),
        "robust": figure(scores(answer["robust"] for answer in answers)).as_row(),
        "unparsed": scores(float(not answer["parsed"]) for answer in answers).mean,
        "guessed": scores(float(answer["guessed"]) for answer in answers).mean,
        "chance": scores(answer["chance"] for answer in answers).mean,
        "more": {
            name: figure(scores(answer["more"].get(name) for answer in answers)).as_row() for name in answers[0]["more"]
        },
    }
