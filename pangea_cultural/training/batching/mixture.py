"""What is learnt in which step: a plan of images and questions from several sources, interleaved by a seed.

The plan is a pure function of recipe, seed and data: nothing but the number of the next step is needed to go on after a
stop, on any number of data workers. It holds numbers only, a few bytes a question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pangea_cultural.errors import UserError
from pangea_cultural.utils.sampling import hash_seed


class QuestionChunk(NamedTuple):
    """Questions about one image that are learnt in the same step."""

    number: int
    """Of the piece in the plan."""
    source: int
    group: int
    conversations: np.ndarray
    """Positions within the group, int64."""


@dataclass(frozen=True)
class SourceQuestions:
    """What may be learnt from a source.

    Args:
        starts: [groups + 1], where each group's conversations begin, in the order of the source.
        usable: [conversations], false for those that cannot be learnt (a broken image, longer than a row).
        weight: with steps, share of the questions, against the other sources' weights.
        count: with epochs, number of questions in each; None for every question once.
    """

    starts: np.ndarray
    usable: np.ndarray
    weight: float = 1.0
    count: int | None = None


@dataclass(frozen=True)
class Schedule:
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

    def step(self, number: int) -> list[QuestionChunk]:
        """The pieces of a step."""
        return [self.chunk(n) for n in range(self.steps[number], self.steps[number + 1])]

    def chunk(self, number: int) -> QuestionChunk:
        """A piece by its number."""
        taken = self.conversations[self.first[number] : self.first[number + 1]]
        return QuestionChunk(number, int(self.sources[number]), int(self.groups[number]), taken)


def build_schedule(
    sources: Sequence[SourceQuestions],
    *,
    batch_questions: int,
    limit: int,
    name: str,
    steps: int | None,
    epochs: int | None,
) -> Schedule:
    """Draw a plan; equal arguments give an equal plan.

    In an epoch of a source each of its questions comes once: those of an image are shuffled and cut into pieces of at
    most `limit`, as even as can be, and the pieces of all images are shuffled. An image with sixty questions so is
    spread over the epoch. The sources' pieces are merged so that each source is spread evenly over the whole training.

    Args:
        sources: what there is to learn.
        batch_questions: questions in a step, on average; a piece is never cut by a step's end.
        limit: most questions of an image in a piece.
        name: seeds the draws.
        steps: number of steps, with sources drawn by weight; or
        epochs: how often every question of every source comes, or as many as its count.
    """
    limit = min(limit, batch_questions)
    quotas = _quotas(sources, batch_questions, steps, epochs)
    parts = [_taken(*drawn, limit, f"{name} {n}") for n, drawn in enumerate(zip(sources, quotas, strict=True))]
    # Where in its own source a piece lies, 0 … 1, tells where in the whole training.
    middles = [
        (part.first[:-1] + part.first[1:]) / (2 * max(1, quota)) for part, quota in zip(parts, quotas, strict=True)
    ]
    order = np.argsort(np.concatenate(middles), kind="stable")
    numbers = np.repeat(np.arange(len(parts), dtype=np.int16), [len(part.groups) for part in parts])
    whole = _joined(parts).reordered(order)
    step_of = whole.first[:-1] // batch_questions
    bounds = np.searchsorted(step_of, np.arange(step_of[-1] + 2))
    groups, conversations = whole.groups.astype(np.int32), whole.conversations.astype(np.int32)
    return Schedule(numbers[order], groups, whole.first, conversations, bounds)


def _quotas(sources: Sequence[SourceQuestions], batch: int, steps: int | None, epochs: int | None) -> list[int]:
    """How many questions each source gives."""
    if epochs is not None:
        return [epochs * (int(s.usable.sum()) if s.count is None else s.count) for s in sources]
    assert steps is not None, "a recipe has either steps or epochs"
    shares = np.cumsum([0.0, *(source.weight for source in sources)])
    return np.diff(np.round(shares / shares[-1] * steps * batch).astype(np.int64)).tolist()


class _Part(NamedTuple):
    """Pieces, of one source or of all: groups [pieces], first [pieces + 1], conversations [questions]."""

    groups: np.ndarray
    first: np.ndarray
    conversations: np.ndarray

    def reordered(self, order: np.ndarray) -> "_Part":
        """The same pieces in another order."""
        sizes = np.diff(self.first)[order]
        first = _bounds(sizes)
        # A question lies as far behind the start of its piece as before.
        moved = np.arange(first[-1]) + np.repeat(self.first[:-1][order] - first[:-1], sizes)
        return _Part(self.groups[order], first, self.conversations[moved])

    def cut(self, questions: int) -> "_Part":
        """The first so many questions; the last piece may lose some."""
        kept = np.searchsorted(self.first, questions)
        return _Part(self.groups[:kept], np.minimum(self.first[: kept + 1], questions), self.conversations[:questions])


def _joined(parts: Sequence[_Part]) -> _Part:
    """The pieces of several parts, one part after the other."""
    none = np.zeros(0, np.int64)
    return _Part(
        np.concatenate([none, *(part.groups for part in parts)]),
        _bounds(np.concatenate([none, *(np.diff(part.first) for part in parts)])),
        np.concatenate([none, *(part.conversations for part in parts)]),
    )


def _bounds(sizes: np.ndarray) -> np.ndarray:
    """Where pieces of these sizes begin, and the end of the last one."""
    return np.concatenate([[0], np.cumsum(sizes)])


def _taken(source: SourceQuestions, quota: int, limit: int, name: str) -> _Part:
    """The first `quota` questions of a source's epochs."""
    if quota and not source.usable.any():
        raise UserError("a source has no question that can be learnt: `pcult train RECIPE --dry-run` says why")
    epochs: list[_Part] = []
    taken = 0
    while taken < quota:
        epochs.append(_epoch(source, limit, f"{name} {len(epochs)}"))
        taken += len(epochs[-1].conversations)
    return _joined(epochs).cut(quota)


def _epoch(source: SourceQuestions, limit: int, name: str) -> _Part:
    """Every usable question of a source once, in pieces that are shuffled."""
    draws = _draws(name)
    pieces = _pieces(*_shuffled(source, draws), limit)
    return pieces.reordered(np.argsort(draws.random_raw(len(pieces.groups)), kind="stable"))


def _shuffled(source: SourceQuestions, draws: np.random.Philox) -> tuple[np.ndarray, np.ndarray]:
    """Group, and position within it, of every usable question: group after group, the questions of each shuffled."""
    sizes = np.diff(source.starts)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    usable = np.flatnonzero(source.usable)
    shuffled = usable[np.lexsort((draws.random_raw(len(usable)), groups[usable]))]
    return groups[shuffled], shuffled - source.starts[groups[shuffled]]


def _pieces(groups: np.ndarray, conversations: np.ndarray, limit: int) -> _Part:
    """Cut the questions of each image into as few pieces as can be, whose sizes differ by one at most.

    Three images with 3, 1 and 5 questions and a limit of 2, question by question:

        groups     0 0 0   1   2 2 2 2 2
        rank       0 1 2   0   0 1 2 3 4    of the question in its image
        piece of   0 0 1   2   3 3 4 4 5    the image's first piece + rank * its pieces // its questions

    Args:
        groups: [questions], the image of each, ascending.
        conversations: [questions], positions within the group.
        limit: most questions in a piece.
    """
    questions = np.bincount(groups)
    pieces = -(-questions // limit)
    rank = np.arange(len(groups)) - _bounds(questions)[groups]
    piece_of = _bounds(pieces)[groups] + rank * pieces[groups] // questions[groups]
    first = np.searchsorted(piece_of, np.arange(pieces.sum() + 1))
    return _Part(groups[first[:-1]], first, conversations)


def _draws(name: str) -> np.random.Philox:
    # Only the raw stream is promised to stay the same in later versions of numpy, not what is made of it.
    return np.random.Philox(hash_seed(name, num_bytes=16))
