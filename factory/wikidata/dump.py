"""The dump door: entity documents from a file, line by line, in constant memory, on all cores.

Read are Wikidata's JSON dumps (`[`, one document a line with a trailing comma, `]`) and JSON Lines, plain or
compressed. One process reads and passes over the lines that cannot matter, by a regular expression over their bytes
(2 GB/s); the others parse what is left.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from factory.wikidata.archive import plain_text

MAX_LINE_BYTES = 64 << 20
"""Wikidata's largest documents have about 4 MB."""
BATCH_BYTES = 4 << 20
"""Of lines to parse: a second's work of a process."""
BATCH_LINES = 20_000
"""Read, whether parsed or passed over: how far a killed build goes back."""
_SKELETON = (b"", b"[", b"]")
_HEAD_BYTES = 400
_ITEM = re.compile(rb'"type"\s*:\s*"item"')


@dataclass(frozen=True, slots=True)
class Line:
    """One document of a door."""

    number: int
    """Counted from 1 over all lines of the file: the position from which a killed build goes on."""
    document: object
    """The parsed JSON; None for a broken line."""
    problem: str = ""
    asked: str = ""
    """The id that was asked for, where a door is asked for ids."""


@dataclass(slots=True)
class Batch:
    """Some lines of a dump, not parsed yet."""

    last: int = 0
    """Number of the last line that was read for it."""
    passed: int = 0
    """Documents among them that cannot matter."""
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    num_bytes: int = 0
    """Of all lines that were read, passed ones included."""


def batches(path: Path, wanted: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
    """The lines of a dump that a test lets through, with a count of those that it does not.

    Args:
        path: the file; its suffix says how it is compressed.
        wanted: whether a line, as bytes, can matter. Lines that are no plain item document are let through unasked:
            what is wrong with them is for the parser to say.
        start: lines to skip, because an earlier run has read them.

    Raises:
        UserError: the file cannot be read, or its compressed stream is broken.
    """
    batch, waiting = Batch(last=start), 0
    for number, text in _documents(path, start):
        batch.last, batch.num_bytes = number, batch.num_bytes + len(text)
        if _looks_sound(text) and not wanted(text):
            batch.passed += 1
        else:
            batch.lines.append((number, text))
            waiting += len(text)
        if waiting >= BATCH_BYTES or batch.passed + len(batch.lines) >= BATCH_LINES:
            yield batch
            batch, waiting = Batch(last=number), 0
    if batch.passed or batch.lines:
        yield batch


def _documents(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """The lines with documents, without the array's commas; of a line that is too long, its beginning."""
    with plain_text(path) as stream:
        number, whole = 0, True
        while raw := stream.readline(MAX_LINE_BYTES):
            begins, whole = whole, raw.endswith(b"\n")
            if not begins:
                continue  # the rest of a line that is too long
            number += 1
            text = raw.strip().rstrip(b",")
            if number > start and text not in _SKELETON:
                yield number, text


def _looks_sound(text: bytes) -> bool:
    """Whether a line is an item's document from brace to brace; in doubt it is parsed, to be rejected by name."""
    return text.endswith(b"}") and _ITEM.search(text, 0, _HEAD_BYTES) is not None


def parse(number: int, text: bytes) -> Line:
    """A line's document, or what is wrong with it."""
    if len(text) >= MAX_LINE_BYTES - 1:
        return Line(number, None, "broken line: too long")
    try:
        return Line(number, orjson.loads(text))
    except orjson.JSONDecodeError as error:
        return Line(number, None, f"broken line: {error}")


class OneOf:
    """Whether a line can be the document of one of some entities; in doubt it can, so its id must be looked at again.

    Args:
        wanted: ids.
    """

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted

    def __call__(self, text: bytes) -> bool:
        """Look at the line's beginning."""
        before, key, after = text[:_HEAD_BYTES].partition(b'"id":')
        # A second brace before the first "id" means that it belongs to something inside the document.
        if not key or before.count(b"{") != 1 or after.count(b'"') < 2:
            return True
        return after.split(b'"', 2)[1].decode("utf-8", "replace") in self._wanted
