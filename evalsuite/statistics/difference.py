"""The difference of two runs on the same questions: estimate, interval, tests and power."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.statistics.clusters import sums_by
from evalsuite.statistics.gap import gap_interval
from evalsuite.statistics.interval import Interval, ends
from evalsuite.statistics.mcnemar import McNemar, mcnemar
from evalsuite.statistics.power import minimum_detectable_effect
from evalsuite.statistics.scores import Scores
from evalsuite.statistics.sign_flip import sign_flip


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean score of run A minus that of run B."""

    n: int
    missing: int
    """Number of pairs in which a score is missing."""
    clusters: int
    a: float | None
    b: float | None
    difference: float | None
    interval: Interval | None
    """Interval of 95 %."""
    p: float | None
    """Two-sided p-value of the sign-flip test. None for fewer than two clusters."""
    mcnemar: McNemar | None
    """McNemar's test, which ignores clusters. None for graded scores."""
    detectable: float | None
    """Smallest true difference that this comparison finds with a probability of 80 %."""

    def as_row(self) -> dict[str, Any]:
        """Return the difference as it is in report.json."""
        return {
            "n": self.n,
            "missing": self.missing,
            "clusters": self.clusters,
            "a": self.a,
            "b": self.b,
            "difference": self.difference,
            **ends(self.interval),
            "interval": self.interval.method if self.interval else None,
            "p": self.p,
            "mcnemar_ignoring_clusters": None
            if self.mcnemar is None
            else {"only_a": self.mcnemar.only_a, "only_b": self.mcnemar.only_b, "p": self.mcnemar.p},
            "minimum_detectable_effect": self.detectable,
        }


def differences(
    a: Sequence[float | None],
    b: Sequence[float | None],
    clusters: Sequence[Hashable],
    cells: Sequence[Hashable] | None = None,
    outer: Sequence[Hashable] | None = None,
) -> tuple[Scores, Scores, Scores]:
    """Return the scores of run A, of run B and their differences, without pairs in which one is missing."""
    first, second = (np.asarray(values, dtype=np.float64) for values in (a, b))
    gap = Scores.of(first - second, clusters, cells, outer)
    present = ~np.isnan(first - second)
    return gap.with_values(first[present]), gap.with_values(second[present]), gap


def compare(a: Scores, b: Scores, gap: Scores, *, seed: int = 0) -> Difference:
    """Return the difference of two runs from `differences`."""
    enough = gap.num_clusters > 1
    return Difference(
        n=len(gap.values),
        missing=gap.missing,
        clusters=gap.num_clusters,
        a=a.mean,
        b=b.mean,
        difference=gap.mean,
        interval=gap_interval(gap, seed=seed),
        p=sign_flip(sums_by(gap.clusters, gap.weights * gap.values), seed=seed) if enough else None,
        mcnemar=mcnemar(a.values, b.values) if enough and a.is_binary and b.is_binary else None,
        detectable=minimum_detectable_effect(gap),
    )
