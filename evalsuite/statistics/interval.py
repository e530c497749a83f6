"""An interval, with the name of its method."""

from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The values that the data do not rule out."""

    low: float
    high: float
    method: str
    """`wilson`, `bca` (bootstrap) or `bound` (equal graded scores)."""
