"""Dump source: entity documents from one file, line by line, in constant memory, on all cores.

The formats are Wikidata's JSON dumps (`[`, one document per line with a trailing comma, `]`) and JSON Lines, plain or
compressed. One process reads. Regular expressions over the bytes (2 GB/s) find the documents that cannot be selected,
and only their names are cut out. The other documents are parsed, by further processes if there are many cores.
"""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from factory.entities.base import BROKEN_LINE, Batch, DocumentLine, SkippedEntity
from factory.entities.sources.decompress import plain_text
from factory.wikidata import partial_json

MAX_LINE_BYTES = 64 << 20
"""Size limit of a document. Wikidata's largest documents have about 4 MB."""
BATCH_BYTES = 16 << 20
"""Size of the lines to parse between two writes to the store."""
BATCH_LINES = 20_000
"""Number of lines between two writes, skipped ones included. An interrupted build repeats at most these."""
LINE_TOO_LONG = BROKEN_LINE.format("too long")
_SKELETON = (b"", b"[", b"]")
_HEAD_BYTES = 400
_HEAD = re.compile(rb'\{[^{}]*?"type":"item",[^{}]*?"id":"(Q[1-9][0-9]{0,14})"')
"""The beginning of an item's document, up to its id. No other object precedes the id."""
_REVISION = re.compile(rb'"lastrevid":([0-9]{1,18})[,}]')
LABELS, DESCRIPTIONS = b'"labels":', b',"descriptions":'


def batches(path: Path, is_candidate: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
    """Yield the candidates of a dump, and the names of the other documents.

    Args:
        path: the file. Its suffix decides on the decompression.
        is_candidate: whether a line may be selected. Lines that are not plain item documents count as candidates, so
            that the parser reports them.
        start: number of lines to skip because an earlier run has read them.

    Raises:
        UserError: the file cannot be read, or its compressed stream is broken.
    """
    with plain_text(path) as plain:
        for batch in _batches(documents(plain.stream, start), is_candidate, start):
            batch.bytes_read = plain.bytes_read()
            yield batch


def _batches(
    numbered: Iterator[tuple[int, bytes]], is_candidate: Callable[[bytes], object], start: int
) -> Iterator[Batch]:
    batch, num_bytes = Batch(last=start), 0
    for number, text in numbered:
        batch.last = number
        skipped = None if is_candidate(text) else _skipped(number, text)
        if skipped is None:
            batch.lines.append((number, text))
            num_bytes += len(text)
        else:
            batch.skipped.append(skipped)
            num_bytes += len(skipped.labels)
        if num_bytes >= BATCH_BYTES or len(batch.skipped) + len(batch.lines) >= BATCH_LINES:
            yield batch
            batch, num_bytes = Batch(last=number), 0
    if batch.skipped or batch.lines:
        yield batch


def documents(stream: IO[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with documents after line `start`, without the array's commas. Long lines are truncated."""
    number, at_line_start = 0, True
    while raw := stream.readline(MAX_LINE_BYTES):
        is_start, at_line_start = at_line_start, raw.endswith(b"\n")
        if not is_start:
            continue  # the rest of a long line
        number += 1
        # The usual form of dumps needs one copy, other forms need several.
        text = raw[:-2] if raw.endswith(b",\n") else raw.strip().rstrip(b",")
        if number > start and text not in _SKELETON:
            yield number, text


def _skipped(number: int, text: bytes) -> SkippedEntity | None:
    """Cut the names out of an item's document. Return None for another form: such a line is parsed, then rejected.

    Quotes inside a JSON string are escaped, so a key with its quotes occurs nowhere else.
    """
    head = _HEAD.match(text)
    start = text.find(LABELS, 0, _HEAD_BYTES) + len(LABELS)
    end = text.find(DESCRIPTIONS, start)
    if head is None or start < len(LABELS) or end < 0 or not text.endswith(b"}"):
        return None
    revision = _REVISION.search(text, 0, start) or _REVISION.search(text, max(end, len(text) - _HEAD_BYTES))
    return SkippedEntity(number, head[1].decode(), int(revision[1]) if revision else None, text[start:end])


def parse(number: int, text: bytes, properties: Collection[str], codes: Collection[str]) -> DocumentLine:
    """Return a line's document with the given claims and labels, or the problem of a broken line."""
    if len(text) >= MAX_LINE_BYTES - 1:
        return DocumentLine(number, None, LINE_TOO_LONG)
    try:
        return DocumentLine(number, partial_json.document(text, properties, codes))
    except partial_json.BrokenJsonError as error:
        return DocumentLine(number, None, BROKEN_LINE.format(error))
