"""What readers of data tell of their work, so that nothing vanishes silently."""

from collections.abc import Callable
from dataclasses import dataclass, field

MOST_EXAMPLES = 5

Count = Callable[[str, str], None]
"""Counts an item: its reason, then its id. Reasons are few and fixed: what differs from item to item is in the id."""
Advance = Callable[[int], None]
"""Counts steps done, for a progress bar."""


@dataclass(frozen=True)
class ReadCallbacks:
    """Whom a reader tells."""

    reject: Count
    """Of each row that is not usable."""
    note: Count
    """Of each row that is used with a remark."""
    advance: Advance
    """Of each mebibyte of a JSON file, or question of an export."""


@dataclass
class ReasonCounter:
    """How many items fall under each reason."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    """The ids of the first few items of each reason."""

    def add(self, reason: str, id: str) -> None:
        """Count an item."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MOST_EXAMPLES:
            examples.append(id)
