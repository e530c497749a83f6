"""Documents in the text of a dump: one per line, or in any other layout of JSON.

Wikidata's dumps and JSON Lines have one document per line, which is fast to find. Other programs write an array in one
line, indented JSON, documents without a separator, or the API's `{"entities": {...}}`. There, brackets are counted.
"""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import IO

BOM = b"\xef\xbb\xbf"
"""Byte order mark that Windows programs write at the beginning of UTF-8."""
CHUNK_BYTES = 1 << 20
MAX_BLANK_LINES = 100
"""Lines that may precede the first document."""
SKELETON = (b"", b"[", b"]")
"""Lines of an array without a document."""
SEPARATOR = b",\n"
"""Separator that may follow a document that is yielded."""
_USUAL_END = b"}" + SEPARATOR
_SEPARATORS = b", \t\r\n"
_WRAPPED = re.compile(rb'\{\s*"entities"\s*:\s*(\{|$)')
# All up to the next bracket, or to a string that the chunk does not end.
_OUTSIDE = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


def documents(stream: IO[bytes], start: int, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield the documents after number `start`, each with its number. `SEPARATOR` may follow a document.

    Args:
        stream: the plain text.
        start: number of the last line to skip, or of the last document where lines have no meaning.
        max_bytes: longest document. Longer ones are truncated.
    """
    first, following, read = _beginning(stream, max_bytes)
    depth = _depth(read, first, following)
    if depth is None:
        rest = iter(functools.partial(stream.readline, max_bytes), b"")
        yield from _lines(itertools.chain(read, rest), start)
    else:
        rest = iter(functools.partial(stream.read, CHUNK_BYTES), b"")
        texts = _Splitter(depth, max_bytes).split(itertools.chain(read, rest))
        yield from itertools.islice(enumerate(texts, 1), start, None)


def _beginning(stream: IO[bytes], max_bytes: int) -> tuple[bytes, bytes, list[bytes]]:
    """Return the first line with a document, the line after it, and all that was read for them."""
    read = [stream.readline(max_bytes).removeprefix(BOM)]
    while read[-1] and read[-1].strip() in SKELETON and len(read) < MAX_BLANK_LINES:
        read.append(stream.readline(max_bytes))
    read.append(stream.readline(max_bytes))
    return read[-2], read[-1], read


def _depth(read: list[bytes], first: bytes, following: bytes) -> int | None:
    """Return how many brackets enclose a document, or None if each line is one."""
    text = first.strip()
    in_array = any(line.strip() == b"[" for line in read[:-2])
    if _WRAPPED.match(b" ".join(line.strip() for line in (first, following))[:100]):
        return 2
    if text.startswith(b"["):
        return 1
    if not text.startswith(b"{"):
        return None
    end = _end(text)
    if end is None:
        is_indented = text == b"{" or (first.endswith(b"\n") and following.lstrip().startswith(b'"'))
        return int(in_array) if is_indented else None
    return int(in_array) if text[end:].lstrip(_SEPARATORS).startswith(b"{") else None


def _end(text: bytes) -> int | None:
    """Return the end of the first value in a text, or None if the text ends before."""
    value = next(iter(_Splitter(0, len(text) + 1).split([text], complete=False)), None)
    return None if value is None else len(value)


def _lines(raw_lines: Iterable[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    number, at_line_start = 0, True
    for raw in raw_lines:
        is_start, at_line_start = at_line_start, raw.endswith(b"\n")
        if not is_start:
            continue  # the rest of a long line
        number += 1
        # The usual form of dumps needs no copy: most documents are skipped, and a copy of each would take time.
        text = raw if raw.endswith(_USUAL_END) else _without_brackets(raw)
        if number > start and text not in SKELETON:
            yield number, text


def _without_brackets(raw: bytes) -> bytes:
    """Return a line without commas and the array's brackets, which some programs write beside a document."""
    text = raw.strip(_SEPARATORS)
    return text[:-1].rstrip() if text.endswith(b"}]") else text


class _Splitter:
    """Finds the values at a depth of brackets.

    Args:
        depth: number of brackets around a value.
        max_bytes: longest value. Longer ones are truncated.
    """

    def __init__(self, depth: int, max_bytes: int) -> None:
        self._wanted = depth
        self._max_bytes = max_bytes
        self._depth = 0
        self._in_string = self._escaped = False
        self._parts: list[bytes] = []
        self._size = 0

    def split(self, chunks: Iterable[bytes], *, complete: bool = True) -> Iterator[bytes]:
        """Yield the values, and what is between them and is not JSON.

        Args:
            chunks: the text in pieces.
            complete: whether the chunks are the whole text. If so, its unfinished end is a value as well.
        """
        for chunk in chunks:
            yield from self._feed(chunk)
        rest = self._take(b"")
        if complete and rest.strip(_SEPARATORS) and (self._depth > self._wanted or self._wanted < 2):
            yield rest

    def _feed(self, chunk: bytes) -> Iterator[bytes]:
        begin = 0
        for place in self._brackets(chunk):
            if chunk[place] in b"{[":
                if self._depth <= self._wanted:
                    yield from self._stray(chunk[begin:place])
                    begin = place if self._depth == self._wanted else place + 1
                self._depth += 1
                continue
            self._depth = max(0, self._depth - 1)
            if self._depth == self._wanted:
                yield self._take(chunk[begin : place + 1])
                begin = place + 1
            elif self._depth < self._wanted:
                yield from self._stray(chunk[begin:place])
                begin = place + 1
        self._keep(chunk[begin:])

    def _brackets(self, chunk: bytes) -> Iterator[int]:
        """Yield the places of brackets outside of strings."""
        place = 1 if self._escaped and chunk else 0
        self._escaped = False
        while place < len(chunk):
            place = (_STRING_REST if self._in_string else _OUTSIDE).match(chunk, place).end()  # type: ignore[union-attr]
            if place == len(chunk):
                return
            if chunk[place] == ord("\\"):  # the chunk ends between it and the escaped byte
                self._escaped = True
                return
            if chunk[place] == ord('"'):
                self._in_string = not self._in_string
            else:
                yield place
            place += 1

    def _stray(self, piece: bytes) -> Iterator[bytes]:
        """Yield a text between values, unless it is a separator or the name of a member."""
        text = self._take(piece).strip(_SEPARATORS)
        if text and self._wanted < 2:
            yield text

    def _keep(self, piece: bytes) -> None:
        free = max(0, self._max_bytes - self._size)
        self._parts.append(piece[:free])
        self._size += min(free, len(piece))

    def _take(self, piece: bytes) -> bytes:
        self._keep(piece)
        text = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
        self._parts, self._size = [], 0
        return text
