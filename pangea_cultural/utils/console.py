"""What a person sees: progress bars, notes and tables. All of it goes to stderr; results go to stdout."""

import contextlib
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

SPEED_PERIOD_S = 600
"""Remaining time is estimated from the steps of so many seconds. Of rich's own 30 there is but one left where a step of
a large model takes longer, and no time would be told.
"""


class Reporter:
    """Tells a person how far a long job is; a quiet one tells nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.quiet = quiet

    def note(self, text: str) -> None:
        """One line about what happened."""
        self.console.print(text, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def bar(self, label: str, total: int | None, unit: str = "") -> Iterator["Bar"]:
        """A progress bar with count, elapsed and remaining time; silent when quiet or not on a terminal."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[extra]}"),
        )
        hidden = self.quiet or not self.console.is_terminal
        with Progress(*columns, console=self.console, disable=hidden, speed_estimate_period=SPEED_PERIOD_S) as progress:
            yield Bar(progress, progress.add_task(label, total=total, extra=""))


class Bar:
    """One progress bar under way."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1, extra: str | None = None) -> None:
        """Count `steps` more; `extra` is a short text after the times (a loss, a speed)."""
        self._progress.advance(self._task, steps)
        if extra is not None:
            self._progress.update(self._task, extra=extra)

    def grow(self, steps: int) -> None:
        """There is more to do than was known at the start."""
        total = next(task.total for task in self._progress.tasks if task.id == self._task)
        if total is not None:
            self._progress.update(self._task, total=total + steps)


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """A table for the terminal; numbers are aligned to the right, cells are printed as they are."""
    result = Table(title=title, title_justify="left")
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        result.add_column(name, justify="right" if right else "left")
    for row in rows:
        result.add_row(*[_cell(value) for value in row])
    return result


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    text = f"{value:,}" if isinstance(value, int) else str(value)
    # Labels come from Wikidata: square brackets in them are text, not markup.
    return text.replace("[", "\\[")
