"""What is learnt in which step: a plan of pictures and questions from several sources, interleaved by a seed.

The plan is a pure function of recipe, seed and data: nothing but the number of the next step is needed to go on after a
stop, on any number of data workers. It holds numbers only, a few bytes a question.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pangea_cultural.errors import UserError


class Piece(NamedTuple):
    """Questions about one picture that are learnt in the same step."""

    number: int
    """Of the piece in the plan."""
    source: int
    group: int
    conversations: np.ndarray
    """Positions within the group, int64."""


@dataclass(frozen=True)
class Candidates:
    """What may be learnt from a source.

    Args:
        starts: [groups + 1], where each group's conversations begin, in the order of the source.
        usable: [conversations], false for those that cannot be learnt (a broken picture, longer than a row).
        weight: with steps, share of the questions, against the other sources' weights.
        count: with epochs, number of questions in each; None for every question once.
    """

    starts: np.ndarray
    usable: np.ndarray
    weight: float = 1.0
    count: int | None = None


@dataclass(frozen=True)
class Plan:
    """The pieces of a stage in the order of training."""

    sources: np.ndarray
    """[pieces] int16"""
    groups: np.ndarray
    """[pieces] int32"""
    first: np.ndarray
    """[pieces + 1] int64, where each piece begins in `conversations`."""
    conversations: np.ndarray
    """[questions] int32, positions within the group."""
    steps: np.ndarray
    """[steps + 1] int64, where each step begins among the pieces."""

    @property
    def num_steps(self) -> int:
        """Optimizer steps."""
        return len(self.steps) - 1

    @property
    def num_questions(self) -> int:
        """Questions of all steps together."""
        return len(self.conversations)

    def step(self, number: int) -> list[Piece]:
        """The pieces of a step."""
        return [self.piece(n) for n in range(self.steps[number], self.steps[number + 1])]

    def piece(self, number: int) -> Piece:
        """A piece by its number."""
        taken = self.conversations[self.first[number] : self.first[number + 1]]
        return Piece(number, int(self.sources[number]), int(self.groups[number]), taken)


def plan(
    sources: Sequence[Candidates], *, batch_questions: int, limit: int, name: str, steps: int | None, epochs: int | None
) -> Plan:
    """Draw a plan; equal arguments give an equal plan.

    In an epoch of a source each of its questions comes once: those of a picture are shuffled and cut into pieces of at
    most `limit`, as even as can be, and the pieces of all pictures are shuffled. A picture with sixty questions so is
    spread over the epoch. The sources' pieces are merged so that each source is spread evenly over the whole training.

    Args:
        sources: what there is to learn.
        batch_questions: questions in a step, on average; a piece is never cut by a step's end.
        limit: most questions of a picture in a piece.
        name: seeds the draws.
        steps: number of steps, with sources drawn by weight; or
        epochs: how often every question of every source comes, or as many as its count.
    """
    limit = min(limit, batch_questions)
    quotas = _quotas(sources, batch_questions, steps, epochs)
    parts = [
        _taken(source, quota, limit, f"{name} {n}")
        for n, (source, quota) in enumerate(zip(sources, quotas, strict=True))
    ]
    # Where in its own source a piece lies, 0 … 1, tells where in the whole training.
    middles = [
        (part.first[:-1] + part.first[1:]) / (2 * max(1, quota)) for part, quota in zip(parts, quotas, strict=True)
    ]
    order = np.argsort(np.concatenate(middles), kind="stable")
    numbers = np.concatenate([np.full(len(part.groups), n, np.int16) for n, part in enumerate(parts)])[order]
    groups = np.concatenate([part.groups for part in parts])[order]
    offsets = np.cumsum([0, *(len(part.conversations) for part in parts)])
    begins = np.concatenate([part.first[:-1] + offset for part, offset in zip(parts, offsets, strict=False)])[order]
    sizes = np.concatenate([np.diff(part.first) for part in parts])[order]
    conversations = _gather(np.concatenate([part.conversations for part in parts]), begins, sizes)
    first = np.concatenate([[0], np.cumsum(sizes)])
    step_of = first[:-1] // batch_questions
    bounds = np.searchsorted(step_of, np.arange(step_of[-1] + 2))
    return Plan(numbers, groups.astype(np.int32), first, conversations.astype(np.int32), bounds)


def _quotas(sources: Sequence[Candidates], batch: int, steps: int | None, epochs: int | None) -> list[int]:
    """How many questions each source gives."""
    if epochs is not None:
        return [epochs * (int(s.usable.sum()) if s.count is None else s.count) for s in sources]
    assert steps is not None, "a recipe has either steps or epochs"
    shares = np.cumsum([0.0, *(source.weight for source in sources)])
    return np.diff(np.round(shares / shares[-1] * steps * batch).astype(np.int64)).tolist()


class _Part(NamedTuple):
    """Pieces of one source: groups [pieces], first [pieces + 1], conversations [questions]."""

    groups: np.ndarray
    first: np.ndarray
    conversations: np.ndarray


def _taken(source: Candidates, quota: int, limit: int, name: str) -> _Part:
    """The first `quota` questions of a source's epochs."""
    if quota and not source.usable.any():
        raise UserError("a source has no question that can be learnt: `pcult train RECIPE --dry-run` says why")
    epochs: list[_Part] = []
    taken = 0
    while taken < quota:
        epochs.append(_epoch(source, limit, f"{name} {len(epochs)}"))
        taken += len(epochs[-1].conversations)
    groups = np.concatenate([np.zeros(0, np.int64), *(e.groups for e in epochs)])
    sizes = np.concatenate([np.zeros(0, np.int64), *(np.diff(e.first) for e in epochs)])
    conversations = np.concatenate([np.zeros(0, np.int64), *(e.conversations for e in epochs)])[:quota]
    first = np.minimum(np.concatenate([[0], np.cumsum(sizes)]), quota)
    kept = int(np.searchsorted(first, quota)) if quota else 0
    return _Part(groups[:kept], first[: kept + 1], conversations)


def _epoch(source: Candidates, limit: int, name: str) -> _Part:
    """Every usable question of a source once."""
    draws = _draws(name)
    sizes = np.diff(source.starts)
    group_of = np.repeat(np.arange(len(sizes)), sizes)[source.usable]
    position = (np.arange(len(source.usable)) - np.repeat(source.starts[:-1], sizes))[source.usable]
    shuffled = np.lexsort((draws.random_raw(len(group_of)), group_of))
    group_of, position = group_of[shuffled], position[shuffled]
    usable = np.bincount(group_of, minlength=len(sizes))
    pieces = -(-usable // limit)
    # The j-th of n questions goes to piece j * pieces // n: pieces of a picture differ by one question at most.
    rank = np.arange(len(group_of)) - np.repeat(np.cumsum(usable) - usable, usable)
    piece_of = np.repeat(np.cumsum(pieces) - pieces, usable) + rank * np.repeat(pieces, usable) // np.repeat(
        usable, usable
    )
    first = np.searchsorted(piece_of, np.arange(pieces.sum() + 1))
    order = np.argsort(draws.random_raw(len(first) - 1), kind="stable")
    lengths = np.diff(first)[order]
    conversations = _gather(position, first[:-1][order], lengths)
    return _Part(group_of[first[:-1]][order], np.concatenate([[0], np.cumsum(lengths)]), conversations)


def _draws(name: str) -> np.random.Philox:
    # Only the raw stream is promised to stay the same in later versions of numpy, not what is made of it.
    return np.random.Philox(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little"))


def _gather(values: np.ndarray, begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The stretches of `values` that begin at `begins` and are `sizes` long, one after the other."""
    ends = np.cumsum(sizes)
    return values[np.repeat(begins - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)]
