"""Counts of rejected rows, remarks and progress, so that no row disappears silently."""

from collections.abc import Callable
from dataclasses import dataclass, field

MAX_EXAMPLES = 5

CountReason = Callable[[str, str], None]
"""Count a row: reason, then id. Reasons are fixed texts (`reasons.py`); details belong in the id."""
Advance = Callable[[int], None]
"""Advance a progress bar by a number of steps."""


@dataclass(frozen=True)
class ReadCallbacks:
    """Callbacks of a reader, for rejected rows, remarks and progress."""

    reject: CountReason
    """Called for every row that is not usable."""
    note: CountReason
    """Called for every row that is used with a remark."""
    advance: Advance
    """Called for every mebibyte of a JSON file, or batch of an export."""


@dataclass
class ReasonCounter:
    """Number of rows per reason, with examples."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Ids of the first MAX_EXAMPLES rows of each reason."""

    def add(self, reason: str, id: str) -> None:
        """Count a row."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(id)


@dataclass(frozen=True)
class ReadReport:
    """Rejected rows and remarks of one pass over a source."""

    rejected: ReasonCounter = field(default_factory=ReasonCounter)
    notes: ReasonCounter = field(default_factory=ReasonCounter)

    def callbacks(self, advance: Advance) -> ReadCallbacks:
        """Return callbacks that count in this report."""
        return ReadCallbacks(self.rejected.add, self.notes.add, advance)
