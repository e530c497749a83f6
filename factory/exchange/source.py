"""An export that is read in batches, whatever its size."""

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from factory.exchange.ahead import ahead
from factory.exchange.target import Target
from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.dataset.sources.fields import RowError, image
from pangea_cultural.dataset.sql import parquet, readable
from pangea_cultural.dataset.tables import IMAGES
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Bar

BATCH_ROWS = 50_000
MEMORY_LIMIT = "1GB"
"""Limit of DuckDB. Larger sorts use the disk."""
BUFFER = "128MB"
"""Results that DuckDB holds ready. A smaller buffer stops its second thread, whose rows follow a row group later."""
BROKEN = "broken row: "
"""Text before the reason of an error that an expression raises."""


class Source:
    """The questions and images of an export. Use it as a context manager.

    Args:
        export: the export.
        temporary: folder for sorts on disk.
        bar: progress, one step for each question.
    """

    def __init__(self, export: Export, temporary: Path, bar: Bar) -> None:
        self.export = export
        self._bar = bar
        self._folder = (export.path / "images").resolve()
        self._real = functools.lru_cache(maxsize=1024)(lambda folder: folder.resolve())
        self._connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(temporary)})
        self._connection.execute(f"SET streaming_buffer_size = '{BUFFER}'")
        self._tables = _tables(export)
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *exception: object) -> None:
        # After an error a thread can still read ahead, and DuckDB refuses to close a connection that is in use.
        self._connection.interrupt()
        self._pool.shutdown(cancel_futures=True)
        self._connection.close()

    @property
    def splits(self) -> list[str]:
        """Splits that have questions."""
        return [split for split in SPLITS if self.export.manifest["questions"][split]]

    @property
    def credits(self) -> Path:
        """The table of images."""
        return self.export.path / IMAGES

    @property
    def statements(self) -> Path | None:
        """The table of statements of own knowledge, if there are any."""
        return self.export.statements_file

    def define(self, statements: str) -> None:
        """Define SQL macros or temporary tables for queries."""
        self._connection.execute(statements)

    def keep(self, name: str, sql: str) -> None:
        """Keep the result of a query over `question` as a temporary table."""
        with readable(self.export.path):
            self._connection.execute(f"CREATE TEMP TABLE {name} AS {self._tables} {sql}")

    def table(self, sql: str) -> pa.Table:
        """Return the result of a query over what was defined."""
        with readable(self.export.path):
            return self._connection.sql(sql).to_arrow_table()

    def file(self, split: str) -> str:
        """Return the questions of a split as SQL, with the column `file_row_number`."""
        return parquet(self.export.questions_file(split), numbered=True)

    def batches(self, columns: str, split: str, rest: str = "", rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Iterate over the questions of a split, in their order unless `rest` says otherwise.

        Args:
            columns: SQL expressions over the columns of `question.QUESTION_SCHEMA`.
            split: name of the split.
            rest: SQL that follows FROM.
            rows: rows of a batch.

        Raises:
            UserError: the file is damaged, or the expressions have found a broken row.
        """
        with readable(self.export.path):
            result = self._connection.sql(f"SELECT {columns} FROM {self.file(split)} {rest}")
            try:
                for batch in ahead(iter(result.to_arrow_reader(rows)), self._pool):
                    yield batch
                    self._bar.advance(batch.num_rows)
            except (OSError, duckdb.Error) as error:
                _, found, reason = str(error).split("\n")[0].partition(BROKEN)
                if not found:
                    raise
                raise UserError(f"{self.export.path}: {reason}. Build it again.") from error

    def rows(self, sql: str) -> Iterator[dict[str, Any]]:
        """Iterate over the result of a query over `question`: all splits, with the column `split`."""
        with readable(self.export.path):
            for batch in self._connection.sql(f"{self._tables} {sql}").to_arrow_reader(10_000):
                yield from batch.to_pylist()

    def leave_out(self, reason: str, condition: str, target: Target) -> None:
        """Count the questions that a format cannot hold: those of an SQL condition."""
        for row in self.rows(f"SELECT count(*) AS n FROM question WHERE {condition}"):
            target.leave_out(reason, row["n"])

    def image_file(self, name: str) -> Path:
        """Return the file of an image, without links.

        Raises:
            UserError: the name leaves the folder of the images, or the file is missing.
        """
        try:
            path = self.export.path / image(name)
            # An export can come from others: a link in it could point to any file of this machine.
            file = self._real(path.parent) / path.name
            if file.is_symlink():
                file = file.resolve()
            is_inside = file.is_relative_to(self._folder) and file.is_file()
        except (RowError, OSError, RuntimeError):  # such as links in a circle
            is_inside = False
        if not is_inside:
            raise UserError(f"No image at {self.export.path}: {name!r}. Run `pcult data check {self.export.path}`.")
        return file


def _tables(export: Export) -> str:
    """Return a WITH clause for all questions."""
    columns = ", ".join(QUESTION_SCHEMA.names)
    parts = [f"SELECT {columns}, '{split}' AS split FROM {parquet(export.questions_file(split))}" for split in SPLITS]
    return f"WITH question AS ({' UNION ALL '.join(parts)})"
