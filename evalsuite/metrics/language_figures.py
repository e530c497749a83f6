"""Figures of a benchmark by language, and means over languages."""

from collections.abc import Iterable
from typing import Any

from evalsuite.metrics.standard_error import clustered_stderr, mean

Answer = dict[str, Any]


def language_figures(answers: list[Answer]) -> list[dict[str, Any]]:
    """Return one row for each language, and rows of means over languages.

    Args:
        answers: rows with language, group, cluster, reference (None if the harness stops), robust, parsed, guessed,
            chance and `more`, the scores of other metrics by name.

    Returns:
        Rows with `languages` (a code, or `mul`: all but English, `trained`, `held-out`), n, clusters, chance, and under
        `reference` and `robust` a mean and a standard error. Means over languages weigh every language equally and have
        no standard error, because languages can share images.
    """
    by_language: dict[str, list[Answer]] = {}
    for answer in answers:
        by_language.setdefault(answer["language"], []).append(answer)
    rows = [_of(language, by_language[language][0]["group"], part) for language, part in by_language.items()]
    for name, chosen in (
        ("mul", [row for row in rows if row["languages"] != "en"]),
        ("trained", [row for row in rows if row["group"] == "trained"]),
        ("held-out", [row for row in rows if row["group"] == "held-out"]),
    ):
        if len(chosen) > 1:
            rows.append(_over(name, chosen))
    return rows


def _of(language: str, group: str, answers: list[Answer]) -> dict[str, Any]:
    clusters = [answer["cluster"] for answer in answers]
    return {
        "languages": language,
        "group": group,
        "n": len(answers),
        "clusters": len(set(clusters)),
        "reference": _score(
            [answer["reference"] for answer in answers if answer["reference"] is not None],
            [answer["cluster"] for answer in answers if answer["reference"] is not None],
        ),
        "robust": _score([answer["robust"] for answer in answers], clusters),
        "unparsed": _share(not answer["parsed"] for answer in answers),
        "guessed": _share(answer["guessed"] for answer in answers),
        "chance": mean([answer["chance"] for answer in answers]),
        "more": {name: mean([answer["more"][name] for answer in answers]) for name in answers[0]["more"]},
    }


def _over(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    def average(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return mean(known)

    return {
        "languages": name,
        "group": "*",
        "n": sum(row["n"] for row in rows),
        "clusters": None,
        "reference": {"n": len(rows), "mean": average(row["reference"]["mean"] for row in rows), "stderr": None},
        "robust": {"n": len(rows), "mean": average(row["robust"]["mean"] for row in rows), "stderr": None},
        "unparsed": average(row["unparsed"] for row in rows),
        "guessed": average(row["guessed"] for row in rows),
        "chance": average(row["chance"] for row in rows),
        "more": {key: average(row["more"][key] for row in rows) for key in rows[0]["more"]},
    }


def _score(values: list[float], clusters: list[str]) -> dict[str, Any]:
    return {"n": len(values), "mean": mean(values), "stderr": clustered_stderr(values, clusters)}


def _share(values: Iterable[bool]) -> float | None:
    return mean([float(value) for value in values])
