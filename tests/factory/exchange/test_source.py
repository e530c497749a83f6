"""Sources of exports: the end of a query whose reader stops."""

import time

import pytest

from factory.exchange.source import Source
from pangea_cultural.utils.console import Reporter
from tests.helpers import tiny

ROWS, FAST = 2048, 8
"""Rows of a batch, and batches before the slow one."""
BATCHES = f"CROSS JOIN range({100 * ROWS}) AS r(n) WHERE file_row_number = 0"


def _slow(n: int) -> int:
    if n == ROWS * FAST:
        time.sleep(0.5)
    return n


def _use(source: Source) -> None:
    """Fail while the slow batch is made. The error's traceback has `batches`, so the iteration stays open."""
    batches = source.batches("image, slow(n) AS n", "train", BATCHES, rows=ROWS)
    for number, _ in enumerate(batches, 1):
        if number == FAST:
            time.sleep(0.1)  # the thread waits for the slow batch by now
            raise KeyError("no image")


def test_error_while_a_thread_reads_ahead_is_the_one_that_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr("factory.exchange.source.BUFFER", "1KB")  # a large one would be filled before the first batch
    export = tiny.write_export(tmp_path / "export")
    reporter = Reporter(quiet=True).bar("rows", 1, "rows")
    with pytest.raises(KeyError, match="no image"), reporter as bar, Source(export, tmp_path / "sort", bar) as source:
        source._connection.create_function("slow", _slow)
        _use(source)
