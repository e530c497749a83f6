"""A reader of JSON files of any length, row by row: an array of objects, or JSON Lines.

An array is read through a window over its text. Python's own decoder finds the end of each element in it. ijson is
faster, but keeps the path of every open bracket: 200,000 of them in 400 kB exhausted the memory of a machine. Python's
decoder rejects such nesting.
"""

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeVar

from pangea_cultural.dataset.sources import reasons
from pangea_cultural.dataset.sources.fields import RowError, row_id
from pangea_cultural.dataset.sources.rejections import Advance, CountReason, ReadCallbacks
from pangea_cultural.errors import UserError

MEBIBYTE = 1 << 20
MAX_ROW_LENGTH = 64 * MEBIBYTE
"""Characters. A longer row is treated as broken: searching for its end would exhaust memory."""

Row = TypeVar("Row")
Parse = Callable[[dict[str, Any], str], Row]
"""Make a row from an object and its id, or raise `RowError`."""


def rows(path: Path, parse: Parse[Row], callbacks: ReadCallbacks) -> Iterator[Row]:
    """Iterate over the usable rows of a JSON file.

    Args:
        path: an array if its first character is an opening bracket, otherwise JSON Lines.
        parse: parser of the file's row format.
        callbacks: called for rejected rows and for each mebibyte read.

    Raises:
        UserError: an array is broken, so the start of its next row is unknown. A broken line is a rejected row.
    """
    for number, item in items(path, callbacks):
        if not isinstance(item, dict):
            callbacks.reject(reasons.NOT_AN_OBJECT, f"row {number}")
            continue
        id = row_id(item, number)
        try:
            row = parse(item, id)
        except RowError as error:
            callbacks.reject(str(error), error.example(id))
        else:
            yield row


def items(path: Path, callbacks: ReadCallbacks) -> Iterator[tuple[int, Any]]:
    """Iterate over the values of a JSON file, with numbers from 1.

    Args:
        path: an array if its first character is an opening bracket, otherwise JSON Lines.
        callbacks: called for broken lines and for each mebibyte read.

    Raises:
        UserError: an array is broken.
    """
    with io.BufferedReader(ProgressFile(path, callbacks.advance), MEBIBYTE) as stream:
        start = stream.peek().removeprefix(b"\xef\xbb\xbf").lstrip()
        if start.startswith(b"["):
            # A byte that is not UTF-8 becomes an unpaired surrogate, so only its own row is rejected.
            yield from _elements(path, io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape"))
        else:
            yield from _lines(stream, callbacks.reject)


def mebibytes(path: Path) -> int:
    """Return the length of a file in mebibytes, rounded up: the total of its progress."""
    return math.ceil(path.stat().st_size / MEBIBYTE)


class ProgressFile(io.FileIO):
    """A file that reports each mebibyte read."""

    def __init__(self, path: Path, advance: Advance) -> None:
        super().__init__(path)
        self._advance = advance
        self._bytes_read = 0

    def readinto(self, buffer: Any, /) -> int:
        """Read as `FileIO` does, and report progress."""
        count = super().readinto(buffer) or 0
        before, self._bytes_read = self._bytes_read, self._bytes_read + count
        self._advance(math.ceil(self._bytes_read / MEBIBYTE) - math.ceil(before / MEBIBYTE))
        return count


def _lines(stream: BinaryIO, reject: CountReason) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(iter(lambda: stream.readline(MAX_ROW_LENGTH), b""), 1):
        if line.isspace():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            reject(reasons.NOT_JSON, f"row {number}")
        else:
            yield number, item


def _elements(path: Path, stream: TextIO) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        for number, item in enumerate(_ArrayWindow(stream).elements(), 1):
            yield number, item
    except (ValueError, RecursionError) as error:
        # The decoder's own message has a position in the window, not in the file.
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise UserError(f"{path}: broken JSON after row {number} ({reason}). Check that it is complete.") from error


class _ArrayWindow:
    """A window over the text of a JSON array."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._position = 0
        self._decode = json.JSONDecoder().raw_decode

    def elements(self) -> Iterator[Any]:
        """Iterate over the array's elements.

        Raises:
            ValueError: the array is broken.
            RecursionError: brackets are nested too deeply.
        """
        self._next_character()
        delimiter = "," if self._peek() != "]" else self._next_character()
        while delimiter == ",":
            yield self._value()
            delimiter = self._next_character()
        if delimiter != "]" or self._peek():
            raise ValueError("expected a comma, or the end of the array and of the file")

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decode(self._text, self._position)
            except ValueError:
                if not self._read_more():
                    raise
                continue
            # A number at the end of the window may continue behind it.
            if end < len(self._text) or not self._read_more():
                self._position = end
                return value

    def _next_character(self) -> str:
        """Consume and return the next character after whitespace; empty at the end."""
        character = self._peek()
        self._position += 1
        return character

    def _peek(self) -> str:
        """Return the next character after whitespace; empty at the end."""
        while True:
            while self._position < len(self._text):
                if not self._text[self._position].isspace():
                    return self._text[self._position]
                self._position += 1
            if not self._read_more():
                return ""

    def _read_more(self) -> bool:
        """Extend the window, and return whether there was more text.

        The window doubles each time, so that a long row is decoded few times.
        """
        rest = self._text[self._position :]
        more = self._stream.read(max(MEBIBYTE, len(rest))) if len(rest) < MAX_ROW_LENGTH else ""
        self._text, self._position = rest + more, 0
        return bool(more)
