"""The dump door: entity documents from a file, streamed line by line in constant memory.

Read are Wikidata's JSON dumps (`[`, one document a line with a trailing comma, `]`) and JSON Lines, plain or
compressed.
"""

import bz2
import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import zstandard

from pangea_cultural.errors import UserError

OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".zst": lambda path: zstandard.open(path, "rb"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One document of a dump."""

    number: int
    """Counted from 1 over all lines of the file: the position from which a killed build goes on."""
    document: object
    """The parsed JSON; None for a broken line."""
    problem: str = ""


def open_dump(path: Path) -> BinaryIO:
    """Open a dump for reading its plain text.

    Raises:
        UserError: it cannot be opened.
    """
    try:
        stream = OPENERS.get(path.suffix, lambda p: p.open("rb"))(path)
        return io.BufferedReader(stream, buffer_size=1 << 20)
    except OSError as error:
        raise UserError(f"cannot read the dump {path}: {error.strerror}") from error


def lines(path: Path, *, start: int = 0, only: frozenset[str] | None = None) -> Iterator[Line]:
    """The documents of a dump.

    Args:
        path: the file; its suffix says how it is compressed.
        start: lines to skip, because an earlier run has read them.
        only: ids of the documents wanted; other lines are passed over before they are parsed, as
            far as their beginning tells what they are (a few others can come through).

    Raises:
        UserError: the file cannot be read, or its compressed stream is broken.
    """
    with open_dump(path) as stream:
        try:
            for number, raw in enumerate(stream, 1):
                text = raw.strip().rstrip(b",")
                if number > start and text not in (b"", b"[", b"]") and (only is None or _may_be(text, only)):
                    yield _parse(number, text)
        except (OSError, EOFError, zstandard.ZstdError) as error:
            raise UserError(f"the dump {path} is broken or cut off: {error}; fetch it again, then rerun") from error


def _parse(number: int, text: bytes) -> Line:
    try:
        return Line(number, orjson.loads(text))
    except orjson.JSONDecodeError as error:
        return Line(number, None, f"broken line: {error}")


def _may_be(text: bytes, only: frozenset[str]) -> bool:
    """Whether a line, not parsed yet, can be one of the wanted documents; in doubt it can."""
    head = text[:400]
    before, key, after = head.partition(b'"id":')
    # A second brace before the first "id" means that it belongs to something inside the document.
    if not key or before.count(b"{") != 1 or after.count(b'"') < 2:
        return True
    return after.split(b'"', 2)[1].decode("utf-8", "replace") in only
