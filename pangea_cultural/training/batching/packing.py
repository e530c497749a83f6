"""The shared image: all questions about an image behind one prefix, each seeing the prefix and itself only.

    [system and user header, image tokens][conversation 1][conversation 2] …

Position ids restart after the prefix at every conversation; the loss is on the answers. The result is that of separate
rows (a test holds loss and gradients equal), at a fraction of the cost: an image's tokens go through the model once,
not once a question. Several such groups fill a row up to its longest length; the mask (model/packed.py) keeps them
apart.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from pangea_cultural.training.batching.mixture import QuestionChunk

Packing = Literal["shared", "rows"]


@dataclass(frozen=True)
class Lengths:
    """How long the conversations of a source are, in tokens.

    Args:
        starts: [groups + 1], where each group's conversations begin.
        prefix: [groups], of the shared prefix: header and image.
        image: [groups], of the image in the prefix.
        conversations: [conversations], behind the prefix; images within the text included.
    """

    starts: np.ndarray
    prefix: np.ndarray
    image: np.ndarray
    conversations: np.ndarray


@dataclass(frozen=True)
class Segment:
    """What of a piece stands in one row."""

    chunk: QuestionChunk
    conversations: np.ndarray
    """Positions within the group."""
    length: int
    """Tokens, with the prefix."""


PackedRow = list[Segment]
AnyRow = TypeVar("AnyRow")


def pack_rows(
    pieces: Sequence[QuestionChunk], lengths: Sequence[Lengths], *, packing: Packing, max_length: int
) -> list[PackedRow]:
    """The rows of a step, longest first.

    `shared` packs as many groups into a row as fit: the longest first, each into the fullest row that has room
    (best-fit decreasing). A group that is longer than a row is spread over rows, its prefix repeated. `rows` gives
    every conversation a row of its own, which is how training without packing sees them.

    Args:
        pieces: of the step.
        lengths: of each source.
        packing: how rows are filled.
        max_length: tokens in a row. No conversation may be longer with its prefix.
    """
    parts = [part for piece in pieces for part in _parts(piece, lengths[piece.source], packing, max_length)]
    parts.sort(key=lambda part: -part.length)
    if packing == "rows":
        return [[part] for part in parts]
    filled: list[PackedRow] = []
    room: list[tuple[int, int]] = []  # (room left, number of the row), sorted
    for part in parts:
        found = bisect.bisect_left(room, (part.length, -1))
        left, number = room.pop(found) if found < len(room) else (max_length, len(filled))
        if number == len(filled):
            filled.append([])
        filled[number].append(part)
        bisect.insort(room, (left - part.length, number))
    return sorted(filled, key=lambda row: -row_length(row))


def row_length(row: PackedRow) -> int:
    """Tokens of a row."""
    return sum(part.length for part in row)


def _parts(piece: QuestionChunk, lengths: Lengths, packing: Packing, max_length: int) -> Iterator[Segment]:
    prefix = int(lengths.prefix[piece.group])
    own = lengths.conversations[lengths.starts[piece.group] + piece.conversations].tolist()
    begin, length = 0, prefix
    for number, tokens in enumerate(own):
        if number > begin and (packing == "rows" or length + tokens > max_length):
            yield Segment(piece, piece.conversations[begin:number], length)
            begin, length = number, prefix
        length += tokens
    yield Segment(piece, piece.conversations[begin:], length)


def distribute(filled: Sequence[AnyRow], *, processes: int, per_device_rows: int) -> list[list[list[AnyRow]]]:
    """Micro-batches of each process, alike in number and length, so that no process waits for another.

    Args:
        filled: rows, or what stands for them, longest first.
        processes: how many there are.
        per_device_rows: rows in one forward pass.

    Returns:
        For each process its micro-batches. A process that gets fewer rows than another has empty micro-batches: it must
        take part in the others' communication all the same.
    """
    dealt: list[list[AnyRow]] = [[] for _ in range(processes)]
    for number, row in enumerate(filled):
        lap, place = divmod(number, processes)
        # Forth and back, so that the first process does not always get the longer row.
        dealt[place if lap % 2 == 0 else processes - 1 - place].append(row)
    most = max(1, -(-max(map(len, dealt)) // per_device_rows))
    return [[own[n * per_device_rows : (n + 1) * per_device_rows] for n in range(most)] for own in dealt]
