"""Progress bars, notes and tables for the terminal. Progress and notes go to stderr, results to stdout."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

LOGGER = logging.getLogger("pangea_cultural")
SPEED_PERIOD_S = 600
"""Period whose steps are used to estimate the remaining time. rich's default of 30 s is shorter than one step of a
large model, so it would show no estimate.
"""


class Reporter:
    """The progress of a long job: notes and progress bars. Notes are also logged to `pangea_cultural` at INFO."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.quiet = quiet

    def note(self, text: str) -> None:
        """Print one line and log it."""
        LOGGER.info("%s", text.strip())
        self.console.print(text, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def bar(self, label: str, total: int | None, unit: str = "") -> Iterator["Bar"]:
        """Show a progress bar with count, elapsed and remaining time; nothing if quiet or not on a terminal."""
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
    """A running progress bar."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1, extra: str | None = None) -> None:
        """Add `steps` to the count; `extra` is a short text after the times (a loss, a speed)."""
        self._progress.advance(self._task, steps)
        if extra is not None:
            self._progress.update(self._task, extra=extra)

    def grow(self, steps: int) -> None:
        """Add `steps` to the total."""
        total = next(task.total for task in self._progress.tasks if task.id == self._task)
        if total is not None:
            self._progress.update(self._task, total=total + steps)


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """Return a table for the terminal, with numbers aligned to the right and markup disabled."""
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
    # Labels of Wikidata may contain square brackets, which rich would read as markup.
    return text.replace("[", "\\[")
