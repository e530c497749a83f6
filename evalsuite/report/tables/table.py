"""A table of a report, and the texts of its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of texts. The first column names its rows."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()
    """Numbers of the rows that are means or totals."""
    anchors: Sequence[str] = ()
    """Name of each row in links of the page; empty without links."""
    texts: frozenset[int] = frozenset((0,))
    """Numbers of the columns that have words, not numbers."""

    def without_empty_columns(self) -> "Table":
        """Return the table without columns in which no row has something."""
        kept = [
            column
            for column in range(len(self.headers))
            if column == 0 or any(row[column] not in ("", NOTHING) for row in self.rows)
        ]
        return Table(
            title=self.title,
            headers=[self.headers[column] for column in kept],
            rows=[[row[column] for column in kept] for row in self.rows],
            strong=self.strong,
            anchors=self.anchors,
            texts=frozenset(place for place, column in enumerate(kept) if column in self.texts),
        )


def percent(value: float | None) -> str:
    """Return a share in percent."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def points(value: float | None) -> str:
    """Return a difference in points, with its sign."""
    return NOTHING if value is None else f"{100 * value:+.1f}"


def with_interval(score: Mapping[str, Any], key: str = "mean") -> str:
    """Return a share with its interval of 95 %, in percent."""
    if score[key] is None:
        return NOTHING
    interval = "" if score["low"] is None else f" [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
    return percent(score[key]) + interval


def points_with_interval(row: Mapping[str, Any], key: str = "difference") -> str:
    """Return a difference with its interval of 95 %, in points."""
    if row[key] is None:
        return NOTHING
    interval = "" if row["low"] is None else f" [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
    return points(row[key]) + interval


def count(value: float | None) -> str:
    """Return a number with separators."""
    return NOTHING if value is None else f"{value:,.0f}"


def anchor(*parts: str) -> str:
    """Return a name for links: parts of letters, digits and hyphens."""
    return "-".join("".join(c if c.isalnum() and c.isascii() else "-" for c in part) for part in parts)
