"""The questions that two runs have in common, and why others are left out."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from evalsuite.report.verdicts.answers import Answer, Key
from evalsuite.statistics.clusters import Numbers, united
from evalsuite.statistics.pairs import pair

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Paired:
    """The pairs of answers, with one cluster for each."""

    a: list[Answer]
    b: list[Answer]
    groups: list[str]
    """Group of each pair's language: that of both runs, or of the only run that knows it."""
    clusters: Numbers
    left_out: dict[str, int]
    """Number of answers that are not compared, by reason."""

    def __len__(self) -> int:
        return len(self.a)

    def where(self, chosen: list[bool]) -> "Paired":
        """Return some of the pairs."""
        rows = np.flatnonzero(chosen)
        return Paired(
            [self.a[row] for row in rows],
            [self.b[row] for row in rows],
            [self.groups[row] for row in rows],
            self.clusters[rows],
            self.left_out,
        )


def paired(a: dict[Key, Answer], b: dict[Key, Answer]) -> Paired:
    """Return the pairs of two runs: the same question with the same text."""
    found = pair(a, b)
    same = [
        row for row, pair_ in enumerate(zip(found.a, found.b, strict=True)) if pair_[0].question == pair_[1].question
    ]
    first, second = ([answers[row] for row in same] for answers in (found.a, found.b))
    reasons = Counter(
        {
            "only the first run has an answer": found.only_a,
            "only the second run has an answer": found.only_b,
            "the runs asked it in other words": len(found.keys) - len(same),
        }
    )
    for one, other in zip(first, second, strict=True):
        reasons["no score of the first run"] += one.score is None
        reasons["no score of the second run"] += other.score is None
    return Paired(
        first,
        second,
        [_group(one.group, other.group) for one, other in zip(first, second, strict=True)],
        united([(*one.cluster_names, *other.cluster_names) for one, other in zip(first, second, strict=True)]),
        {reason: count for reason, count in reasons.items() if count},
    )


def _group(a: str, b: str) -> str:
    """Return the group of a language by both trainings. A language that only one model was trained in has none."""
    known = {a, b} - {UNKNOWN}
    return known.pop() if len(known) == 1 else UNKNOWN
