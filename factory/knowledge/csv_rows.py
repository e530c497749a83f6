"""Rows of a CSV file: UTF-8 with or without BOM, separated by commas, semicolons or tabs.

A broken row is one rejection. Reading continues at the line after it, so that a lost quotation mark does not swallow
the rest of the file. Memory does not depend on the size of the file, of a line or of a field.
"""

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from factory.knowledge.columns import COLUMNS
from factory.knowledge.errors import BROKEN_QUOTES, TOO_LONG, WRONG_FIELDS, RowError
from pangea_cultural.errors import UserError

MAX_ROW_CHARACTERS = 32_768
MAX_ROW_LINES = 64
"""Limits of a row. A quotation mark without its other one reaches them."""
ENDS = ("\n", "\r")
SEPARATORS = (",", ";", "\t")
"""Spreadsheets write semicolons where the comma is the decimal point."""
FOREIGN = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "compressed",
}
"""First bytes of other kinds of files."""
Row = tuple[int, list[str] | RowError]
"""Number of a row's first line from 1, and its fields or the reason why it has none."""


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, the header first, without blank lines.

    Raises:
        UserError: the file cannot be read, or is not CSV in UTF-8.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
        kind = next((kind for start, kind in FOREIGN.items() if head.startswith(start)), "")
        if kind:
            raise UserError(f"{path} is {kind}. Save it as CSV in UTF-8.")
        # Bytes that are not UTF-8 become surrogates, so that their row alone is rejected.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield from _rows(text, path)
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Check the source's path.") from error


def _rows(stream: IO[str], path: Path) -> Iterator[Row]:
    lines = _Lines(stream)
    header = lines.row()
    if header is None or isinstance(header[1], RowError):
        raise UserError(f"{path} has no header. Write the names of the columns into its first line.")
    yield header
    width = len(header[1])
    while (row := lines.row()) is not None:
        number, fields = row
        if isinstance(fields, list):
            if not any(field.strip() for field in fields):
                continue
            # Spreadsheets write separators after the last column.
            extra = any(field.strip() for field in fields[width:])
            if len(fields) < width or extra:
                fields = RowError(WRONG_FIELDS, f"{len(fields)}, not {width}")
        yield number, fields


def _separator(header: str) -> str:
    """Return the separator that gives the most known columns."""

    def known(separator: str) -> int:
        names = (name.strip(' "\r\n').casefold() for name in header.split(separator))
        return sum(name in COLUMNS for name in names)

    return max(SEPARATORS, key=known)


class _Lines:
    """The lines of a file, as a source of rows that can step back to the line after a broken row's first one.

    The first line tells the separator.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._row: list[str] = []
        self._size = 0
        self._number = 0
        self._pending = deque([self._read()])
        self._separator = _separator(self._pending[0])

    def row(self) -> Row | None:
        """Return the next row with the number of its first line, or None at the end of the file."""
        self._row, self._size = [], 0
        start = self._number + 1
        try:
            fields = next(csv.reader(self, delimiter=self._separator, strict=True))
        except StopIteration:
            return None
        except csv.Error:
            # The first line alone is broken, as far as anyone can tell.
            rest = self._row[1:]
            self._pending.extendleft(reversed(rest))
            self._number -= len(rest)
            return start, RowError(BROKEN_QUOTES, self._row[0].strip()[:100])
        if any(len(line) >= MAX_ROW_CHARACTERS for line in self._row):
            return start, RowError(TOO_LONG, f"a line of {MAX_ROW_CHARACTERS} characters or more")
        return start, fields

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._pending.popleft() if self._pending else self._read()
        if not line:
            raise StopIteration
        self._number += 1
        self._row.append(line)
        self._size += len(line)
        if self._row[1:] and (len(self._row) > MAX_ROW_LINES or self._size > MAX_ROW_CHARACTERS):
            raise csv.Error("no end of the row")
        return line

    def _read(self) -> str:
        """Return a line; of a long one its beginning, without quotation marks, that no row can be."""
        line = self._stream.readline(MAX_ROW_CHARACTERS)
        if len(line) < MAX_ROW_CHARACTERS or line.endswith(ENDS):
            return line
        while (rest := self._stream.readline(MAX_ROW_CHARACTERS)) and not rest.endswith(ENDS):
            pass
        return line.replace('"', "'")
