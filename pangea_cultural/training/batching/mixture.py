"""The schedule that assigns questions to optimizer steps, from several sources interleaved by a seed.

A schedule is a pure function of recipe, seed and data. The number of the next step is enough to resume, with any number
of data workers. It contains numbers only, a few bytes per question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import joined
from pangea_cultural.utils.sampling import hash_seed


class QuestionChunk(NamedTuple):
    """Questions about one image that are trained in the same step."""

    number: int
    """Number of the chunk in the schedule; the seed of its augmentation."""
    source: int
    group: int
    conversations: np.ndarray
    """Positions within the group, int64."""
    follows: bool = False
    """Whether it is about the image of the chunk before it, which is of another source."""


@dataclass(frozen=True)
class SourceQuestions:
    """Questions of a source that may be trained.

    Args:
        starts: first conversation of each group, and the total number [groups + 1].
        usable: whether each conversation may be used [conversations]. Broken images and long questions may not.
        weight: share of the questions of a stage with steps, relative to the other sources.
        count: questions per epoch; None for every question once.
        images: key of the image of each group, equal for the same image of another source; 0 for a group that shares
            no image; None if no group does [groups].
    """

    starts: np.ndarray
    usable: np.ndarray
    weight: float = 1.0
    count: int | None = None
    images: np.ndarray | None = None


@dataclass(frozen=True)
class Schedule:
    """Chunks of a stage in training order."""

    sources: np.ndarray
    """Source of each chunk [chunks], int16."""
    groups: np.ndarray
    """Group of each chunk [chunks], int32."""
    starts: np.ndarray
    """First entry of each chunk in `conversations`, and their number [chunks + 1], int64."""
    conversations: np.ndarray
    """Position of each question within its group [questions], int32."""
    step_starts: np.ndarray
    """First chunk of each step, and the number of chunks [steps + 1], int64."""
    follows: np.ndarray
    """True for a chunk about the image of the chunk before it, in the same step [chunks]."""

    @property
    def num_steps(self) -> int:
        """Number of optimizer steps."""
        return len(self.step_starts) - 1

    @property
    def num_questions(self) -> int:
        """Number of questions of all steps."""
        return len(self.conversations)

    def source_shares(self, steps: int) -> dict[int, float]:
        """Return the share of each source's questions that the first `steps` steps have, by the source's index."""
        numbers, end = np.diff(self.starts), self.step_starts[steps]
        planned = np.bincount(self.sources, weights=numbers)
        made = np.bincount(self.sources[:end], weights=numbers[:end], minlength=len(planned))
        return {int(source): float(made[source] / planned[source]) for source in np.flatnonzero(planned)}

    def step(self, index: int) -> list[QuestionChunk]:
        """Return the chunks of a step."""
        return [self.chunk(number) for number in range(self.step_starts[index], self.step_starts[index + 1])]

    def chunk(self, number: int) -> QuestionChunk:
        """Return a chunk by its number."""
        conversations = self.conversations[self.starts[number] : self.starts[number + 1]]
        source, group, follows = self.sources[number], self.groups[number], self.follows[number]
        return QuestionChunk(number, int(source), int(group), conversations, bool(follows))


def build_schedule(
    sources: Sequence[SourceQuestions],
    *,
    global_batch_size: int,
    max_questions_per_image: int,
    seed: str,
    steps: int | None,
    epochs: int | None,
    image_multiple: int = 1,
) -> Schedule:
    """Return a schedule. Equal arguments give equal schedules.

    An epoch of a source contains each of its questions once. The questions about an image are shuffled and split into
    chunks of nearly equal size. Then all chunks are shuffled, so that an image with many questions is spread over the
    epoch. The chunks of all sources are merged, each source evenly spaced over the training. Then chunks of several
    sources about the same image move to the first of them, as far as `max_questions_per_image` allows.

    Args:
        sources: questions to train.
        global_batch_size: questions per step, on average. Chunks are not split between steps.
        max_questions_per_image: maximum number of questions in a chunk.
        seed: seed of the random numbers, any text.
        steps: number of steps, with questions sampled by weight; None if `epochs` is given.
        epochs: number of epochs, with each source's count of questions; None if `steps` is given.
        image_multiple: the number of chunks in a step is a multiple of this, except for the last step.

    Raises:
        UserError: a source with a share has no usable question, or a step would have no image.
    """
    max_questions = min(max_questions_per_image, global_batch_size)
    quotas = _quotas(sources, global_batch_size, steps, epochs)
    parts = [
        _first_questions(source, quota, max_questions, f"{seed} {n}")
        for n, (source, quota) in enumerate(zip(sources, quotas, strict=True))
    ]
    # The relative position of a chunk's middle in its source, 0 to 1, is its relative position in the training.
    middles = [
        (part.starts[:-1] + part.starts[1:]) / (2 * max(1, quota)) for part, quota in zip(parts, quotas, strict=True)
    ]
    order = np.argsort(np.concatenate(middles), kind="stable")
    source_numbers = np.repeat(np.arange(len(parts), dtype=np.int16), [len(part.groups) for part in parts])
    merged, source_numbers = _concatenate(parts).reordered(order), source_numbers[order]
    follows = np.zeros(len(order), bool)
    if any(source.images is not None for source in sources):
        images = _image_keys(sources, source_numbers, merged.groups)
        order, follows = joined.order(images, source_numbers, np.diff(merged.starts), max_questions)
        merged, source_numbers = merged.reordered(order), source_numbers[order]
    step_starts = _step_starts(merged.starts, follows, global_batch_size, image_multiple)
    groups, conversations = merged.groups.astype(np.int32), merged.conversations.astype(np.int32)
    return Schedule(source_numbers, groups, merged.starts, conversations, step_starts, follows)


def _image_keys(sources: Sequence[SourceQuestions], source_numbers: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the key of the image of each chunk; 0 if it shares none."""
    keys = np.zeros(len(groups), np.int64)
    for number, source in enumerate(sources):
        if source.images is not None:
            chunks = source_numbers == number
            keys[chunks] = source.images[groups[chunks]]
    return keys


def _step_starts(starts: np.ndarray, follows: np.ndarray, global_batch_size: int, image_multiple: int) -> np.ndarray:
    """Return the first chunk of each step, and the number of chunks. Chunks about one image stay together."""
    step_of_chunk = starts[:-1] // global_batch_size
    step_starts = np.searchsorted(step_of_chunk, np.arange(step_of_chunk[-1] + 2))
    images = np.append(np.flatnonzero(~follows), len(follows))
    image_starts = np.searchsorted(images, step_starts)
    return images[_rounded(image_starts, image_multiple) if image_multiple > 1 else image_starts]


def _rounded(step_starts: np.ndarray, image_multiple: int) -> np.ndarray:
    """Return the starts of steps near those given, as multiples, so that no step is empty.

    Raises:
        UserError: there are fewer than `image_multiple` images for each step.
    """
    end, steps = step_starts[-1], np.arange(len(step_starts) - 1)
    last = (end - 1) // image_multiple
    if last < steps[-1]:
        raise UserError(
            f"A step has {end / len(steps):.1f} images on average, too few for image_multiple = {image_multiple}. "
            "Lower it, or raise global_batch_size."
        )
    nearest = (step_starts[:-1] + image_multiple // 2) // image_multiple
    # Where steps have few chunks, later ones follow at least one multiple apart, and the last ones end in time.
    apart = np.maximum.accumulate(nearest - steps) + steps
    return np.append(np.minimum(apart, last - steps[::-1]) * image_multiple, end)


def passes(
    sources: Sequence[SourceQuestions], *, global_batch_size: int, steps: int | None, epochs: int | None
) -> list[float]:
    """Return how often each usable question of a source is trained, on average; 0 for a source without any.

    Arguments are those of `build_schedule`.
    """
    quotas = _quotas(sources, global_batch_size, steps, epochs)
    return [
        quota / max(1, int(source.usable.sum())) * bool(source.usable.any())
        for source, quota in zip(sources, quotas, strict=True)
    ]


def _quotas(
    sources: Sequence[SourceQuestions], global_batch_size: int, steps: int | None, epochs: int | None
) -> list[int]:
    """Return the number of questions of each source."""
    if epochs is not None:
        return [epochs * (int(s.usable.sum()) if s.count is None else s.count) for s in sources]
    assert steps is not None, "a stage has either steps or epochs"
    shares = np.cumsum([0.0, *(source.weight for source in sources)])
    return np.diff(np.round(shares / shares[-1] * steps * global_batch_size).astype(np.int64)).tolist()


class _Chunks(NamedTuple):
    """Chunks as arrays: groups [chunks], starts [chunks + 1], conversations [questions]."""

    groups: np.ndarray
    starts: np.ndarray
    conversations: np.ndarray

    def reordered(self, order: np.ndarray) -> "_Chunks":
        """Return the same chunks in another order."""
        sizes = np.diff(self.starts)[order]
        starts = _offsets(sizes)
        # The offset of a question within its chunk stays the same.
        sources = np.arange(starts[-1]) + np.repeat(self.starts[:-1][order] - starts[:-1], sizes)
        return _Chunks(self.groups[order], starts, self.conversations[sources])

    def truncated(self, questions: int) -> "_Chunks":
        """Return the first questions; the last chunk may lose some."""
        num_chunks = np.searchsorted(self.starts, questions)
        starts = np.minimum(self.starts[: num_chunks + 1], questions)
        return _Chunks(self.groups[:num_chunks], starts, self.conversations[:questions])


def _concatenate(parts: Sequence[_Chunks]) -> _Chunks:
    empty = np.zeros(0, np.int64)
    return _Chunks(
        np.concatenate([empty, *(part.groups for part in parts)]),
        _offsets(np.concatenate([empty, *(np.diff(part.starts) for part in parts)])),
        np.concatenate([empty, *(part.conversations for part in parts)]),
    )


def _offsets(sizes: np.ndarray) -> np.ndarray:
    """Return the start of each item in a concatenation, and its length [items + 1]."""
    return np.concatenate([[0], np.cumsum(sizes)])


def _first_questions(source: SourceQuestions, quota: int, max_questions: int, seed: str) -> _Chunks:
    """Return the first `quota` questions of a source's epochs."""
    if quota and not source.usable.any():
        raise UserError("A source has no usable question. Run `pcult train RECIPE --dry-run` for the reasons.")
    epochs: list[_Chunks] = []
    num_questions = 0
    while num_questions < quota:
        epochs.append(_epoch(source, max_questions, f"{seed} {len(epochs)}"))
        num_questions += len(epochs[-1].conversations)
    return _concatenate(epochs).truncated(quota)


def _epoch(source: SourceQuestions, max_questions: int, seed: str) -> _Chunks:
    """Return every usable question of a source once, in shuffled chunks."""
    # numpy keeps only the raw stream of a bit generator stable over versions, so all random numbers use random_raw.
    random = np.random.Philox(hash_seed(seed, num_bytes=16))
    chunks = _split(*_shuffle(source, random), max_questions)
    return chunks.reordered(np.argsort(random.random_raw(len(chunks.groups)), kind="stable"))


def _shuffle(source: SourceQuestions, random: np.random.Philox) -> tuple[np.ndarray, np.ndarray]:
    """Return group and position within it of every usable question [questions]: groups in order, each shuffled."""
    sizes = np.diff(source.starts)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    usable = np.flatnonzero(source.usable)
    shuffled = usable[np.lexsort((random.random_raw(len(usable)), groups[usable]))]
    return groups[shuffled], shuffled - source.starts[groups[shuffled]]


def _split(groups: np.ndarray, conversations: np.ndarray, max_questions: int) -> _Chunks:
    """Split the questions of each image into as few chunks as possible, whose sizes differ by at most 1.

    Three images with 3, 1 and 5 questions, and at most 2 questions per chunk:

        groups     0 0 0   1   2 2 2 2 2
        rank       0 1 2   0   0 1 2 3 4    index of the question within its image
        chunk of   0 0 1   2   3 3 4 4 5    first chunk of the image + rank * its chunks // its questions

    Args:
        groups: image of each question [questions], ascending.
        conversations: position of each question within its group [questions].
        max_questions: maximum number of questions in a chunk.
    """
    questions = np.bincount(groups)
    chunks = -(-questions // max_questions)
    rank = np.arange(len(groups)) - _offsets(questions)[groups]
    chunk_of = _offsets(chunks)[groups] + rank * chunks[groups] // questions[groups]
    starts = np.searchsorted(chunk_of, np.arange(chunks.sum() + 1))
    return _Chunks(groups[starts[:-1]], starts, conversations)
