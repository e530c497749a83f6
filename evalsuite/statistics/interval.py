"""An interval, with the name of its method."""

from dataclasses import dataclass, replace
from typing import Self

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The values that the data do not rule out."""

    low: float
    high: float
    method: str
    """`wilson`, `bca` (bootstrap) or `bound` (equal graded scores)."""

    def within(self, least: float, most: float) -> Self:
        """Return the part of the interval between two limits."""
        return replace(self, low=max(self.low, least), high=min(self.high, most))


def ends(interval: Interval | None) -> dict[str, float | None]:
    """Return the ends of an interval as `low` and `high`, as they are in results; None where there is no interval."""
    return {"low": interval.low if interval else None, "high": interval.high if interval else None}
