"""Dump source: entity documents from one file, in constant memory, on all cores.

The formats are Wikidata's JSON dumps (`[`, one document per line with a trailing comma, `]`), JSON Lines, and JSON in
other layouts (see `layouts`), plain or compressed. One process reads. Regular expressions over the bytes (2 GB/s)
find the documents that cannot be selected, and only their names and classes are cut out. The other documents are
parsed, by further processes if there are many cores.
"""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from factory.entities.base import BROKEN_LINE, Batch, DocumentLine, SkippedEntity
from factory.entities.sources import layouts, structure_claims
from factory.entities.sources.decompress import plain_text
from factory.wikidata import partial_json

MAX_LINE_BYTES = 64 << 20
"""Size limit of a document. Wikidata's largest documents have about 4 MB."""
BATCH_BYTES = 16 << 20
"""Size of the lines to parse between two writes to the store."""
BATCH_LINES = 20_000
"""Number of lines between two writes, skipped ones included. An interrupted build repeats at most these."""
TOO_LONG = f"more than {MAX_LINE_BYTES >> 20} MiB"
_HEAD_BYTES = 400
_HEAD = re.compile(rb'\{[^{}]*?"type":"item",[^{}]*?"id":"(Q[1-9][0-9]{0,14})"')
"""The beginning of an item's document, up to its id. No other object precedes the id."""
_REVISION = re.compile(rb'"lastrevid":([0-9]{1,18})[,}]')
_FINDER = structure_claims.Finder()
_ENDS = (b"}", b"}" + layouts.SEPARATOR)
LABELS, DESCRIPTIONS = b'"labels":', b',"descriptions":'


def batches(path: Path, is_candidate: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
    """Yield the candidates of a dump, and the names of the other documents.

    Args:
        path: the file. Its first bytes decide on the decompression.
        is_candidate: whether a line may be selected. Lines that are not plain item documents count as candidates, so
            that the parser reports them.
        start: number of lines to skip because an earlier run has read them.

    Raises:
        UserError: the file cannot be read, or its compressed stream is broken.
    """
    with plain_text(path) as plain:
        for batch in _batches(layouts.documents(plain.stream, start, MAX_LINE_BYTES), is_candidate, start):
            batch.bytes_read = plain.bytes_read()
            yield batch


def _batches(
    numbered: Iterator[tuple[int, bytes]], is_candidate: Callable[[bytes], object], start: int
) -> Iterator[Batch]:
    batch, num_bytes = Batch(last=start), 0
    for number, text in numbered:
        batch.last = number
        verdict = is_candidate(text)
        skipped = None if verdict else _skipped(number, text, verdict)
        if skipped is None:
            line = text.removesuffix(layouts.SEPARATOR)
            batch.lines.append((number, line))
            num_bytes += len(line)
        else:
            batch.skipped.append(skipped)
            num_bytes += len(skipped.labels)
        if num_bytes >= BATCH_BYTES or len(batch.skipped) + len(batch.lines) >= BATCH_LINES:
            yield batch
            batch, num_bytes = Batch(last=number), 0
    if batch.skipped or batch.lines:
        yield batch


def documents(stream: IO[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the documents after line `start`, without the array's commas. Long documents are truncated."""
    for number, text in layouts.documents(stream, start, MAX_LINE_BYTES):
        yield number, text.removesuffix(layouts.SEPARATOR)


def _skipped(number: int, text: bytes, verdict: object) -> SkippedEntity | None:
    """Cut the names and some claims out of an item's document. Return None for another form: such a line is parsed.

    Quotes inside a JSON string are escaped, so a key with its quotes occurs nowhere else.
    """
    head = _HEAD.match(text)
    start = text.find(LABELS, 0, _HEAD_BYTES) + len(LABELS)
    end = text.find(DESCRIPTIONS, start)
    if head is None or start < len(LABELS) or end < 0 or not text.endswith(_ENDS):
        return None
    claims = verdict.claims if isinstance(verdict, structure_claims.Skippable) else _FINDER.find(text)
    if claims is None:
        return None
    revision = _REVISION.search(text, 0, start) or _REVISION.search(text, max(end, len(text) - _HEAD_BYTES))
    number_of_revision = int(revision[1]) if revision else None
    return SkippedEntity(
        number, head[1].decode(), number_of_revision, text[start:end], structure_claims.cut(text, claims)
    )


def parse(number: int, text: bytes, properties: Collection[str], codes: Collection[str]) -> DocumentLine:
    """Return a line's document with the given claims and labels, or the problem of a broken line."""
    if len(text) >= MAX_LINE_BYTES - 1:
        return DocumentLine(number, None, BROKEN_LINE, TOO_LONG)
    try:
        return DocumentLine(number, partial_json.document(text, properties, codes))
    except partial_json.BrokenJsonError as error:
        return DocumentLine(number, None, BROKEN_LINE, str(error))
