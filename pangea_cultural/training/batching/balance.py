"""Rows of a step for several devices that work equally long, so that none waits for the others.

A micro-batch ends when its slowest device ends: a step takes the sum, over its micro-batches, of the largest row's
work. Segments are assigned longest first, as in Graham's scheduling (1969). Then a local search improves the largest
row of a micro-batch. It gives a segment to another row, exchanges one, or is split, with the prefix repeated.

The questions of a step do not depend on the devices, only their layout does.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from pangea_cultural.training.batching.mixture import QuestionChunk
from pangea_cultural.training.batching.packing import Lengths, PackedRow, Segment, bundles

SHARPNESS = 24
"""Exponent of the norm that stands for the maximum. It falls also when one of several largest rows gets smaller."""
LEAST_GAIN = 1e-4
"""Share of the step's time that a change must save. Splits cost energy also where they save time."""
CLOSE = 1.005
"""Time over the best one at which the search ends, and at which fewer micro-batches are preferred."""
MOST_MICRO_BATCHES_MORE = 2
"""Most micro-batches that are tried beyond those that the tokens need."""


@dataclass(frozen=True)
class Devices:
    """Devices that train together.

    Args:
        count: number of devices.
        rows: rows per forward pass of a device.
        pair_work: work of a pair of positions of which one attends to the other, in tokens.
    """

    count: int = 1
    rows: int = 1
    pair_work: float = 0.0


class Conversation(NamedTuple):
    """A conversation of a piece."""

    segment: int
    """Index of its segment in the bundle."""
    position: int
    """Position within its group."""
    length: int
    work: float


class Piece(NamedTuple):
    """A bundle of segments about one image, or a part of it, with its work in tokens."""

    bundle: list[Segment]
    prefix_length: int
    prefix_work: float
    conversations: tuple[Conversation, ...]
    length: int
    work: float

    def part(self, start: int, stop: int | None) -> "Piece":
        """Return some of the conversations, with a prefix of their own."""
        conversations = self.conversations[start:stop]
        length = self.prefix_length + sum(conversation.length for conversation in conversations)
        work = self.prefix_work + sum(conversation.work for conversation in conversations)
        return Piece(self.bundle, self.prefix_length, self.prefix_work, conversations, length, work)

    def segments(self) -> Iterator[Segment]:
        """Yield the segments of the piece, the first one with the prefix."""
        follows = False
        for index, members in itertools.groupby(self.conversations, key=lambda conversation: conversation.segment):
            own = list(members)
            length = sum(conversation.length for conversation in own) + (0 if follows else self.prefix_length)
            positions = np.array([conversation.position for conversation in own], np.int64)
            yield replace(self.bundle[index], conversations=positions, length=length, follows=follows)
            follows = True


@dataclass
class Row:
    """A row of a micro-batch while it is filled."""

    micro_batch: int
    pieces: list[Piece] = field(default_factory=list)
    length: int = 0
    work: float = 0.0

    def replace(self, removed: Piece | None, added: Piece | None) -> None:
        """Remove a piece, and add one."""
        for piece, sign in ((removed, -1), (added, 1)):
            if piece is not None:
                self.length += sign * piece.length
                self.work += sign * piece.work
        self.pieces = [piece for piece in self.pieces if piece is not removed]
        if added is not None:
            self.pieces.append(added)


class Change(NamedTuple):
    """A piece that moves from one row to another, or an exchange."""

    giver: Row
    piece: Piece
    kept: Piece | None
    """Part that stays, if the piece is split."""
    moved: Piece
    taker: Row
    returned: Piece | None
    """Piece of the taker that comes back."""

    def make(self) -> None:
        """Change the rows."""
        self.giver.replace(self.piece, self.kept)
        self.giver.replace(None, self.returned)
        self.taker.replace(self.returned, self.moved)


def balanced_batches(
    chunks: Sequence[QuestionChunk], lengths: Sequence[Lengths], *, max_length: int, devices: Devices
) -> list[list[list[PackedRow]]]:
    """Return the micro-batches of each device, equally many. Some may be empty.

    Args:
        chunks: chunks of the step.
        lengths: lengths of each source.
        max_length: tokens per row.
        devices: the devices.
    """
    parts = bundles(chunks, lengths, "shared", max_length)
    pieces = [measured_piece(bundle, lengths, devices.pair_work) for bundle in parts]
    pieces.sort(key=lambda piece: -piece.work)
    rows_at_once = devices.count * devices.rows
    number = max(1, -(-sum(piece.length for piece in pieces) // (rows_at_once * max_length)))
    plans: list[_Plan] = []
    while not plans or (len(plans) <= MOST_MICRO_BATCHES_MORE and plans[0].time > CLOSE * plans[0].even_time):
        plan = _Plan.of(pieces, number, rows_at_once, max_length)
        number += 1
        if plan is not None:
            plan.improve()
            plans.append(plan)
    shortest = min(plan.time for plan in plans)
    return next(plan for plan in plans if plan.time <= CLOSE * shortest).batches(devices)


def measured_piece(bundle: list[Segment], lengths: Sequence[Lengths], pair_work: float) -> Piece:
    """Return a bundle of segments with the work of its parts.

    Args:
        bundle: segments about one image.
        lengths: lengths of each source.
        pair_work: work of a pair of positions of which one attends to the other, in tokens.
    """
    first = bundle[0].chunk
    prefix = int(lengths[first.source].prefix[first.group])
    conversations = []
    for index, segment in enumerate(bundle):
        own, group = lengths[segment.chunk.source], segment.chunk.group
        tokens = own.conversations[own.starts[group] + segment.conversations].tolist()
        for position, n in zip(segment.conversations.tolist(), tokens, strict=True):
            work = n + pair_work * (n * prefix + n * (n + 1) / 2)
            conversations.append(Conversation(index, position, n, work))
    prefix_work = prefix + pair_work * prefix * (prefix + 1) / 2
    return Piece(bundle, prefix, prefix_work, tuple(conversations), 0, 0.0).part(0, None)


class _Plan:
    """Rows of a number of micro-batches.

    Args:
        rows: the rows, micro-batch by micro-batch.
        max_length: tokens per row.
    """

    def __init__(self, rows: list[list[Row]], max_length: int) -> None:
        self._micro_batches = rows
        self._rows = [row for batch in rows for row in batch]
        self._max_length = max_length
        self.even_time = sum(row.work for row in self._rows) / len(rows[0])
        """Time without waiting."""

    @classmethod
    def of(cls, pieces: list[Piece], number: int, rows_at_once: int, max_length: int) -> "_Plan | None":
        """Assign pieces, largest first, each to the row with the least work; None if they do not fit."""
        rows = [Row(0) for _ in range(number * rows_at_once)]
        for piece in pieces:
            fitting = [row for row in rows if row.length + piece.length <= max_length]
            if not fitting:
                return None
            min(fitting, key=lambda row: row.work).replace(None, piece)
        rows.sort(key=lambda row: -row.work)
        for index, row in enumerate(rows):
            row.micro_batch = index // rows_at_once
        batches = [rows[start : start + rows_at_once] for start in range(0, len(rows), rows_at_once)]
        return cls(batches, max_length)

    @property
    def time(self) -> float:
        """Work of the largest row of each micro-batch, summed."""
        return sum(max(row.work for row in batch) for batch in self._micro_batches)

    def improve(self) -> None:
        """Change rows as long as that saves time."""
        unit = self.even_time / len(self._micro_batches)
        while self.time > CLOSE * self.even_time:
            sums = [sum((row.work / unit) ** SHARPNESS for row in batch) for batch in self._micro_batches]
            gains = ((self._gain(change, sums, unit), change) for change in self._changes())
            gain, change = max(gains, key=lambda entry: entry[0], default=(0.0, None))
            if change is None or gain < LEAST_GAIN:
                return
            change.make()

    def _changes(self) -> Iterator[Change]:
        """Yield changes of the largest row of each micro-batch."""
        emptiest = [sorted(batch, key=lambda row: row.work) for batch in self._micro_batches]
        for giver in (batch[-1] for batch in emptiest):
            for piece in giver.pieces:
                for size in range(len(piece.conversations)):
                    kept, moved = (piece.part(0, size), piece.part(size, None)) if size else (None, piece)
                    for batch in emptiest:
                        # No other row of the micro-batch would grow less.
                        taker = next((row for row in batch if row.length + moved.length <= self._max_length), giver)
                        if taker is not giver:
                            yield Change(giver, piece, kept, moved, taker, None)
                yield from self._exchanges(giver, piece)

    def _exchanges(self, giver: Row, piece: Piece) -> Iterator[Change]:
        """Yield exchanges of a piece for a smaller one."""
        space = self._max_length - giver.length + piece.length
        for taker in self._rows:
            for other in taker.pieces:
                fits = other.length <= space and taker.length - other.length + piece.length <= self._max_length
                if fits and other.work < piece.work and taker is not giver:
                    yield Change(giver, piece, None, piece, taker, other)

    def _gain(self, change: Change, sums: list[float], unit: float) -> float:
        """Return what a change saves of the norms of the micro-batches.

        Args:
            change: the change.
            sums: sum of the powers of the rows' work, for each micro-batch.
            unit: work of an even row.
        """
        kept, returned = (piece.work if piece else 0.0 for piece in (change.kept, change.returned))
        changed = list(sums)
        for row, difference in (
            (change.giver, kept + returned - change.piece.work),
            (change.taker, change.moved.work - returned),
        ):
            before, after = row.work / unit, (row.work + difference) / unit
            changed[row.micro_batch] += after**SHARPNESS - before**SHARPNESS
        return sum(_root(before) - _root(after) for before, after in zip(sums, changed, strict=True))

    def batches(self, devices: Devices) -> list[list[list[PackedRow]]]:
        """Return the micro-batches of each device. A device with much work in one has less in the next."""
        dealt: list[list[list[PackedRow]]] = [[] for _ in range(devices.count)]
        for number, batch in enumerate(self._micro_batches):
            rows = [
                [segment for piece in row.pieces for segment in piece.segments()]
                for row in sorted(batch, key=lambda row: -row.work)
            ]
            for position in range(devices.count):
                device = position if number % 2 == 0 else devices.count - 1 - position
                dealt[device].append([row for row in rows[position :: devices.count] if row])
        return dealt


def _root(value: float) -> float:
    return max(value, 0.0) ** (1 / SHARPNESS)
