"""The dump source: entity documents from a file, line by line, in constant memory, on all cores.

Read are Wikidata's JSON dumps (`[`, one document a line with a trailing comma, `]`) and JSON Lines, plain or
compressed. One process reads, and cuts the names out of documents that cannot matter otherwise, which regular
expressions over their bytes tell (2 GB/s). What is left is parsed, where there are many cores by other processes.
"""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from factory.entities.base import Batch, DocumentLine, SkippedEntity
from factory.entities.sources.decompress import plain_text
from factory.wikidata import partial_json

MAX_LINE_BYTES = 64 << 20
"""Wikidata's largest documents have about 4 MB."""
BATCH_BYTES = 16 << 20
"""Of lines to parse, between two writes to the store."""
BATCH_LINES = 20_000
"""Read, whether parsed or passed over: how far a killed build goes back."""
_SKELETON = (b"", b"[", b"]")
_HEAD_BYTES = 400
_HEAD = re.compile(rb'\{[^{}]*?"type":"item",[^{}]*?"id":"(Q[1-9][0-9]{0,14})"')
"""The beginning of an item's document, up to its id: no other object stands before it."""
_REVISION = re.compile(rb'"lastrevid":([0-9]{1,18})[,}]')
LABELS, DESCRIPTIONS = b'"labels":', b',"descriptions":'


def batches(path: Path, wanted: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
    """The lines of a dump that a test lets through, and the names of those that it does not.

    Args:
        path: the file; its suffix says how it is compressed.
        wanted: whether a line, as bytes, can matter. Lines that are no plain item document are let through all the
            same: what is wrong with them is for the parser to say.
        start: lines to skip, because an earlier run has read them.

    Raises:
        UserError: the file cannot be read, or its compressed stream is broken.
    """
    with plain_text(path) as plain:
        for batch in _batches(documents(plain.stream, start), wanted, start):
            batch.bytes_read = plain.bytes_read()
            yield batch


def _batches(numbered: Iterator[tuple[int, bytes]], wanted: Callable[[bytes], object], start: int) -> Iterator[Batch]:
    batch, waiting = Batch(last=start), 0
    for number, text in numbered:
        batch.last = number
        names = None if wanted(text) else _names(number, text)
        if names is None:
            batch.lines.append((number, text))
            waiting += len(text)
        else:
            batch.skipped.append(names)
            waiting += len(names.labels)
        if waiting >= BATCH_BYTES or len(batch.skipped) + len(batch.lines) >= BATCH_LINES:
            yield batch
            batch, waiting = Batch(last=number), 0
    if batch.skipped or batch.lines:
        yield batch


def documents(stream: IO[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    """The lines with documents, without the array's commas; of a line that is too long, its beginning."""
    number, whole = 0, True
    while raw := stream.readline(MAX_LINE_BYTES):
        begins, whole = whole, raw.endswith(b"\n")
        if not begins:
            continue  # the rest of a line that is too long
        number += 1
        # As dumps have it, with one copy; else with as many as it takes.
        text = raw[:-2] if raw.endswith(b",\n") else raw.strip().rstrip(b",")
        if number > start and text not in _SKELETON:
            yield number, text


def _names(number: int, text: bytes) -> SkippedEntity | None:
    """The names of an item, cut out of its document; None where it does not look as Wikidata writes it: in doubt a
    line is parsed, to be rejected by name.

    A quote inside a JSON string is escaped, so that a key with its quotes is found nowhere else.
    """
    head = _HEAD.match(text)
    start = text.find(LABELS, 0, _HEAD_BYTES) + len(LABELS)
    end = text.find(DESCRIPTIONS, start)
    if head is None or start < len(LABELS) or end < 0 or not text.endswith(b"}"):
        return None
    revision = _REVISION.search(text, 0, start) or _REVISION.search(text, max(end, len(text) - _HEAD_BYTES))
    return SkippedEntity(number, head[1].decode(), int(revision[1]) if revision else None, text[start:end])


def parse(number: int, text: bytes, properties: Collection[str], codes: Collection[str]) -> DocumentLine:
    """A line's document, with the claims and labels that are needed, or what is wrong with it."""
    if len(text) >= MAX_LINE_BYTES - 1:
        return DocumentLine(number, None, "broken line: too long")
    try:
        return DocumentLine(number, partial_json.document(text, properties, codes))
    except partial_json.BrokenJsonError as error:
        return DocumentLine(number, None, f"broken line: {error}")
