"""Families of tests that are fixed before any answer: what is compared, and how its p-values are adjusted.

- confirmatory: four claims, adjusted by Holm: about trained languages, held-out languages, novel answers there,
  and no loss on mainstream benchmarks.
- benchmarks: each benchmark, adjusted by Holm.
- cells: each language of each benchmark, adjusted by Benjamini and Hochberg. These are exploratory.
"""

from collections.abc import Callable, Sequence
from typing import Any

from evalsuite.report.verdicts.answers import CULTURE, MAINSTREAM
from evalsuite.report.verdicts.paired import UNKNOWN, Paired
from evalsuite.statistics.difference import compare, differences
from evalsuite.statistics.multiplicity import benjamini_hochberg, holm
from evalsuite.statistics.non_inferiority import MARGIN, non_inferiority
from evalsuite.statistics.scores import Scores

SIGNIFICANCE = 0.05
A, B, UNDECIDED, NOT_WORSE, NOT_SHOWN, NO_DATA = (
    "A better",
    "B better",
    "no difference shown",
    "not worse",
    "not shown",
    "no questions",
)
TRAINED, HELD_OUT, NOVEL = "trained languages", "held-out languages", "held-out languages, novel answers"
MAINSTREAM_CLAIM = f"mainstream benchmarks: not worse by more than {100 * MARGIN:g} point"
"""Names of the confirmatory claims."""
UNKNOWN_TRAINING = "languages of training unknown"
"""Verdict of claims about trained or held-out languages, if no training is known."""
Row = dict[str, Any]


def confirmatory(pairs: Paired, seed: int) -> list[Row]:
    """Return the confirmatory family. Benchmarks weigh the same, and so do languages in each of them."""
    culture = [answer.kind == CULTURE for answer in pairs.a]
    novel = [bool(answer.novel) for answer in pairs.a]
    chosen = {
        TRAINED: [c and group == "trained" for c, group in zip(culture, pairs.groups, strict=True)],
        HELD_OUT: [c and group == "held-out" for c, group in zip(culture, pairs.groups, strict=True)],
        NOVEL: [c and n and group == "held-out" for c, n, group in zip(culture, novel, pairs.groups, strict=True)],
    }
    rows = [_difference(name, pairs.where(part), seed) for name, part in chosen.items()]
    rows.append(_no_loss(pairs.where([answer.kind == MAINSTREAM for answer in pairs.a]), seed))
    groups = {group for c, group in zip(culture, pairs.groups, strict=True) if c}
    no_data = dict.fromkeys(chosen, UNKNOWN_TRAINING) if groups == {UNKNOWN} else {}
    return [
        row | {"verdict": no_data.get(row["name"], NO_DATA)} if row["n"] == 0 else row for row in _adjusted(rows, holm)
    ]


def benchmarks(pairs: Paired, seed: int) -> list[Row]:
    """Return one row for each benchmark. Its languages weigh the same."""
    names = list(dict.fromkeys(answer.benchmark for answer in pairs.a))
    rows = [_difference(name, pairs.where([a.benchmark == name for a in pairs.a]), seed) for name in names]
    return _adjusted(rows, holm)


def cells(pairs: Paired, seed: int) -> list[Row]:
    """Return one row for each language of each benchmark."""
    keys = list(dict.fromkeys((answer.benchmark, answer.language) for answer in pairs.a))
    rows = []
    for benchmark, language in keys:
        part = pairs.where([(a.benchmark, a.language) == (benchmark, language) for a in pairs.a])
        row = _difference(f"{benchmark}, {language}", part, seed)
        rows.append(row | {"benchmark": benchmark, "language": language, "group": part.groups[0]})
    return _adjusted(rows, benjamini_hochberg)


def _scores(pairs: Paired) -> tuple[Scores, Scores, Scores]:
    return differences(
        [answer.score for answer in pairs.a],
        [answer.score for answer in pairs.b],
        pairs.clusters.tolist(),
        [answer.language for answer in pairs.a],
        [answer.benchmark for answer in pairs.a],
    )


def _difference(name: str, pairs: Paired, seed: int) -> Row:
    return {"name": name, "test": "sign-flip", **compare(*_scores(pairs), seed=seed).as_row()}


def _no_loss(pairs: Paired, seed: int) -> Row:
    """Return the row of the claim that A is not worse than B on mainstream benchmarks by more than the margin."""
    scores = _scores(pairs)
    found = non_inferiority(scores[2], seed=seed)
    row = compare(*scores, seed=seed).as_row()
    return {
        "name": MAINSTREAM_CLAIM,
        "test": "non-inferiority",
        **row,
        "p": found.p if found else None,
        "margin": MARGIN,
        "lower_bound": found.low if found else None,
    }


def _adjusted(rows: list[Row], adjust: Callable[[Sequence[float]], list[float]]) -> list[Row]:
    """Return the rows with adjusted p-values and verdicts. Rows without a p-value are not tests of the family."""
    p_values = iter(adjust([row["p"] for row in rows if row["p"] is not None]))
    adjusted = [row | {"p_adjusted": None if row["p"] is None else next(p_values)} for row in rows]
    return [row | {"verdict": _verdict(row)} for row in adjusted]


def _verdict(row: Row) -> str:
    if row["n"] == 0:
        return NO_DATA
    found = row["p_adjusted"] is not None and row["p_adjusted"] <= SIGNIFICANCE
    if row["test"] == "non-inferiority":
        return NOT_WORSE if found else NOT_SHOWN
    if not found or disagree(row):
        return UNDECIDED
    return A if row["difference"] > 0 else B


def disagree(row: Row) -> bool:
    """Return whether the test finds a difference that the interval does not. With few clusters, they can disagree."""
    is_found = row["p_adjusted"] is not None and row["p_adjusted"] <= SIGNIFICANCE
    return is_found and row["low"] is not None and row["low"] <= 0 <= row["high"]
