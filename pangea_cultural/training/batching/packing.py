"""Packing of questions into rows, so that questions about an image share its tokens.

    [system and user header, image tokens][conversation 1][conversation 2] ...

Each conversation sees the prefix and itself only, and its position ids restart after the prefix. The loss is on the
answers. Loss and gradients equal those of separate rows (tested), at a fraction of the cost: an image passes through
the model once, not once per question. Several such segments fill a row; the mask separates them (see
model/attention/masks.py).
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from pangea_cultural.training.batching.mixture import QuestionChunk

Packing = Literal["shared", "rows"]


@dataclass(frozen=True)
class Lengths:
    """Token lengths of a source.

    Args:
        starts: first conversation of each group, and the total number [groups + 1].
        prefix: tokens of each group's shared prefix, header and image [groups].
        image: tokens of the image in each prefix [groups].
        conversations: tokens of each conversation after the prefix, with the images in its text [conversations].
    """

    starts: np.ndarray
    prefix: np.ndarray
    image: np.ndarray
    conversations: np.ndarray


@dataclass(frozen=True)
class Segment:
    """The part of a chunk that is in one row: a prefix with conversations."""

    chunk: QuestionChunk
    conversations: np.ndarray
    """Positions within the group."""
    length: int
    """Tokens, including the prefix, unless it follows another segment."""
    image_questions: int
    """Questions about the image in the step, also in other segments."""
    follows: bool = False
    """Whether it uses the prefix of the segment before it in its row, whose image is the same."""


PackedRow = list[Segment]
RowT = TypeVar("RowT")


def pack_rows(
    chunks: Sequence[QuestionChunk], lengths: Sequence[Lengths], *, packing: Packing, max_length: int
) -> list[PackedRow]:
    """Return the rows of a step, longest first.

    `shared` packs segments by best-fit decreasing: longest first, each into the fullest row with enough space. A chunk
    longer than a row is split over several rows, each with the prefix. `rows` gives every conversation its own row, as
    in training without packing.

    Args:
        chunks: chunks of the step.
        lengths: lengths of each source.
        packing: packing method.
        max_length: tokens per row. No conversation with its prefix may be longer.
    """
    pieces = list(bundles(chunks, lengths, packing, max_length))
    pieces.sort(key=lambda piece: -row_length(piece))
    if packing == "rows":
        return pieces
    rows: list[PackedRow] = []
    free_space: list[tuple[int, int]] = []  # (free tokens, index of the row), sorted
    for piece in pieces:
        length = row_length(piece)
        fit = bisect.bisect_left(free_space, (length, -1))
        free, index = free_space.pop(fit) if fit < len(free_space) else (max_length, len(rows))
        if index == len(rows):
            rows.append([])
        rows[index] += piece
        bisect.insort(free_space, (free - length, index))
    return sorted(rows, key=lambda row: -row_length(row))


def row_length(row: PackedRow) -> int:
    """Return the number of tokens of a row."""
    return sum(segment.length for segment in row)


def bundles(
    chunks: Sequence[QuestionChunk], lengths: Sequence[Lengths], packing: Packing, max_length: int
) -> Iterator[list[Segment]]:
    """Yield the segments of a step that stay together: one, or several about one image.

    A chunk is one segment, unless it is longer than a row or has a row per conversation.
    """
    for unit in _same_image(chunks):
        parts = [list(_segments(chunk, lengths[chunk.source], packing, max_length)) for chunk in unit]
        number = sum(len(chunk.conversations) for chunk in unit)
        segments = [replace(segment, image_questions=number) for part in parts for segment in part]
        prefix = int(lengths[unit[0].source].prefix[unit[0].group])
        shared = [replace(segment, length=segment.length - prefix, follows=True) for segment in segments[1:]]
        together = [segments[0], *shared]
        if packing == "shared" and len(segments) == len(unit) and row_length(together) <= max_length:
            yield together
        else:
            yield from ([segment] for segment in segments)


def _same_image(chunks: Sequence[QuestionChunk]) -> Iterator[list[QuestionChunk]]:
    """Yield chunks with those that follow them."""
    unit: list[QuestionChunk] = []
    for chunk in chunks:
        if unit and not chunk.follows:
            yield unit
            unit = []
        unit.append(chunk)
    if unit:
        yield unit


def _segments(chunk: QuestionChunk, lengths: Lengths, packing: Packing, max_length: int) -> Iterator[Segment]:
    prefix, number = int(lengths.prefix[chunk.group]), len(chunk.conversations)
    tokens = lengths.conversations[lengths.starts[chunk.group] + chunk.conversations].tolist()
    start, length = 0, prefix
    for index, num_tokens in enumerate(tokens):
        if index > start and (packing == "rows" or length + num_tokens > max_length):
            yield Segment(chunk, chunk.conversations[start:index], length, number)
            start, length = index, prefix
        length += num_tokens
    yield Segment(chunk, chunk.conversations[start:], length, number)


def distribute(rows: Sequence[RowT], *, processes: int, per_device_batch_size: int) -> list[list[list[RowT]]]:
    """Distribute rows to processes, so that their micro-batches have similar lengths and none waits for another.

    Args:
        rows: rows, longest first.
        processes: number of processes.
        per_device_batch_size: rows per forward pass.

    Returns:
        The micro-batches of each process, equally many. Some may be empty: every process must take part in the
        communication of a forward pass.
    """
    dealt: list[list[RowT]] = [[] for _ in range(processes)]
    for index, row in enumerate(rows):
        lap, position = divmod(index, processes)
        # Alternate the direction, so that the first process does not always get the longer row.
        dealt[position if lap % 2 == 0 else processes - 1 - position].append(row)
    most_rows = max(map(len, dealt))
    num_batches = max(1, -(-most_rows // per_device_batch_size))
    bounds = [(n * per_device_batch_size, (n + 1) * per_device_batch_size) for n in range(num_batches)]
    return [[process_rows[start:stop] for start, stop in bounds] for process_rows in dealt]
