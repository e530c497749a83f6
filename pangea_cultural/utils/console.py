"""Progress bars, notes and tables for the terminal. Progress and notes go to stderr, results to stdout."""

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

LOGGER = logging.getLogger("pangea_cultural")
SPEED_PERIOD_S = 600
"""Period whose steps are used to estimate the remaining time. rich's default of 30 s is shorter than one step of a
large model, so it would show no estimate.
"""
FILE_WIDTH = 240
"""Characters of a line of a table in a file or a pipe."""
LINE_PERIOD_S = 60.0
"""Seconds between two lines of progress where there is no terminal: in a log, under SLURM."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Reporter:
    """The progress of a long job: notes and progress bars. Notes are also logged to `pangea_cultural` at INFO."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.quiet = quiet

    def note(self, text: str) -> None:
        """Print one line and log it."""
        LOGGER.info("%s", text.strip())
        self.console.print(without_controls(text), markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def bar(self, label: str, total: int | None, unit: str = "") -> Iterator["Bar"]:
        """Show a progress bar with count, elapsed and remaining time.

        Without a terminal it is one line a minute. If quiet, it is nothing.
        """
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit, markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[extra]}", markup=False),
        )
        hidden = self.quiet or not self.console.is_terminal
        with Progress(*columns, console=self.console, disable=hidden, speed_estimate_period=SPEED_PERIOD_S) as progress:
            bar = Bar(progress, progress.add_task(label, total=total, extra=""))
            with self._lines(bar, unit) if hidden and not self.quiet else contextlib.nullcontext():
                yield bar

    @contextlib.contextmanager
    def _lines(self, bar: "Bar", unit: str) -> Iterator[None]:
        """Print a line of progress each minute, also while no step ends."""
        ended, began = threading.Event(), time.monotonic()

        def report() -> None:
            while not ended.wait(LINE_PERIOD_S):
                self.note(bar.line(unit, time.monotonic() - began))

        thread = threading.Thread(target=report, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


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

    def line(self, unit: str, seconds: float) -> str:
        """Return the progress in one line, such as `images: 20 of 100 entities, 3 min`."""
        task = self._state()
        of_total = "" if task.total is None else f" of {task.total:,.0f}"
        count = f"{task.completed:,.0f}{of_total} {unit}".rstrip()
        extra = f", {task.fields['extra']}" if task.fields["extra"] else ""
        return f"{task.description}: {count}, {seconds / 60:.0f} min{extra}"

    def _state(self) -> Task:
        return next(task for task in self._progress.tasks if task.id == self._task)

    def grow(self, steps: int) -> None:
        """Add `steps` to the total."""
        total = self._state().total
        if total is not None:
            self._progress.update(self._task, total=total + steps)


def results_console() -> Console:
    """Return the console for results on stdout. A file or a pipe has no width that tables have to be cut to."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = FILE_WIDTH
    return console


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """Return a table for the terminal, with numbers aligned to the right and markup disabled."""
    result = Table(title=Text(title), title_justify="left")
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        result.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        result.add_row(*[_cell(value) for value in row])
    return result


def without_controls(text: str) -> str:
    """Return a text whose control characters are replaced: those of foreign texts would command the terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _cell(value: Any) -> Text:
    """Return a value for a cell. As `Text`, square brackets of labels are not read as markup."""
    return Text(_plain(value))


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else without_controls(str(value))
