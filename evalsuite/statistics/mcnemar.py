"""McNemar's exact test of two runs. It ignores clusters, so its p-value is too small where answers share images."""

from dataclasses import dataclass

from scipy import stats

from evalsuite.statistics.clusters import Floats


@dataclass(frozen=True, slots=True)
class McNemar:
    """The number of questions that only one run answers right, and the p-value."""

    only_a: int
    only_b: int
    p: float


def mcnemar(a: Floats, b: Floats) -> McNemar:
    """Return McNemar's exact test of scores of 0 and 1."""
    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    discordant = only_a + only_b
    p = float(stats.binomtest(only_a, discordant).pvalue) if discordant else 1.0
    return McNemar(only_a, only_b, p)
