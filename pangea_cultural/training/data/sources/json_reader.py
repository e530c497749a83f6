"""Rows of JSON files of any length, one by one: an array of objects, or JSON Lines.

An array is read through a window over its text, in which Python's own decoder tells where each element ends. ijson is
faster, but keeps the path of every open bracket: 200,000 of them in 400 kB took all memory of the machine. The decoder
refuses them.
"""

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from pangea_cultural.errors import UserError
from pangea_cultural.training.data.rejections import Advance, Count, ReadCallbacks
from pangea_cultural.training.data.sources.fields import RowError, identity
from pangea_cultural.training.data.types import SourceRow

MEBIBYTE = 1 << 20
LONGEST_ROW = 64 * MEBIBYTE
"""Of characters. What goes on for longer is broken, and to look for its end would take all memory."""

Parse = Callable[[dict[str, Any], str], SourceRow]
"""Makes a row of an object and its id; raises `RowError`."""


def rows(path: Path, parse: Parse, callbacks: ReadCallbacks) -> Iterator[SourceRow]:
    """The usable rows of a JSON file.

    Args:
        path: an array if its first character is an opening bracket, otherwise JSON Lines.
        parse: what the file's kind of row needs.
        callbacks: is told of rows that are not usable, and of mebibytes.

    Raises:
        UserError: an array is broken, and where its next row begins is not known. A broken line is a rejected row.
    """
    for number, item in _items(path, callbacks):
        if not isinstance(item, dict):
            callbacks.reject("not a JSON object", f"row {number}")
            continue
        id = identity(item, number)
        try:
            row = parse(item, id)
        except RowError as reason:
            callbacks.reject(str(reason), id)
        else:
            yield row


def mebibytes(path: Path) -> int:
    """The length of a file in the steps of `rows`' progress."""
    return math.ceil(path.stat().st_size / MEBIBYTE)


class Watched(io.FileIO):
    """A file that tells how many mebibytes of it have been read."""

    def __init__(self, path: Path, advance: Advance) -> None:
        super().__init__(path)
        self._advance = advance
        self._read = 0

    def readinto(self, buffer: Any, /) -> int:
        """Read as a file does."""
        count = super().readinto(buffer) or 0
        before, self._read = self._read, self._read + count
        self._advance(math.ceil(self._read / MEBIBYTE) - math.ceil(before / MEBIBYTE))
        return count


def _items(path: Path, callbacks: ReadCallbacks) -> Iterator[tuple[int, Any]]:
    """What stands in a file, with numbers from 1."""
    with io.BufferedReader(Watched(path, callbacks.advance), MEBIBYTE) as stream:
        start = stream.peek().removeprefix(b"\xef\xbb\xbf").lstrip()
        if start.startswith(b"["):
            # A byte that is no text becomes half a surrogate pair, which costs its row only.
            yield from _elements(path, io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape"))
        else:
            yield from _lines(stream, callbacks.reject)


def _lines(stream: BinaryIO, reject: Count) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_ROW), b""), 1):
        if line.isspace():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            reject("not JSON", f"row {number}")
        else:
            yield number, item


def _elements(path: Path, stream: TextIO) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        for number, item in enumerate(_Window(stream).elements(), 1):
            yield number, item
    except (ValueError, RecursionError) as error:
        # The decoder's own position is one in the window.
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise UserError(f"{path}: broken JSON after row {number}: {reason}; is the download complete?") from error


class _Window:
    """The part of an array's text that is being read."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0
        self._decode = json.JSONDecoder().raw_decode

    def elements(self) -> Iterator[Any]:
        """The array's elements.

        Raises:
            ValueError: it is broken.
            RecursionError: brackets are nested too deeply.
        """
        self._mark()
        mark = "," if self._peek() != "]" else self._mark()
        while mark == ",":
            yield self._value()
            mark = self._mark()
        if mark != "]" or self._peek():
            raise ValueError("expected a comma, or the end of the array and of the file")

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            # A number at the window's end may go on behind it.
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _mark(self) -> str:
        """The next character after blanks, taken; empty at the end."""
        mark = self._peek()
        self._at += 1
        return mark

    def _peek(self) -> str:
        """The next character after blanks; empty at the end."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, twice as far each time, so that a long row is not begun too often; False if there is no more."""
        rest = self._text[self._at :]
        more = self._stream.read(max(MEBIBYTE, len(rest))) if len(rest) < LONGEST_ROW else ""
        self._text, self._at = rest + more, 0
        return bool(more)
