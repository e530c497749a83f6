"""The steps of a schedule as one process sees them: micro-batches, made by data workers from a step's index."""

import signal
from collections.abc import Callable, Sequence
from typing import Any

from torch.utils.data import DataLoader, Dataset, SequentialSampler

from pangea_cultural.training.batching.context_share import divide
from pangea_cultural.training.batching.layout import BatchLayout
from pangea_cultural.training.batching.mixture import Schedule
from pangea_cultural.training.batching.packing import Lengths, PackedRow, Segment
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.types import Group


class StepDataset(Dataset):
    """The steps of a stage. Each step is a dictionary:

    - micro_batches: batches of this process, as the collator returns them, or the share of this process in them.
    - ids: ids of this process's questions, of whole rows.
    - skipped: [file, reason] of broken images in these rows.
    - questions, tokens, image_tokens, unshared_image_tokens: counts of all processes (see `counts`).
    """

    def __init__(
        self,
        schedule: Schedule,
        corpora: Sequence[Corpus],
        lengths: Sequence[Lengths],
        layout: BatchLayout,
        collator: Callable[..., dict[str, Any]],
        rank: int = 0,
    ) -> None:
        self._schedule = schedule
        self._corpora = corpora
        self._lengths = lengths
        self._layout = layout
        self._collator = collator
        self._rank = rank

    def __len__(self) -> int:
        return self._schedule.num_steps

    def __getitem__(self, index: int) -> dict[str, Any]:
        try:
            return self._step(index)
        except StopIteration as error:
            # A data loader would take it for the end of the data, and the training would end without an error.
            raise RuntimeError(f"Step {index + 1} has fewer texts than were measured.") from error

    def _step(self, index: int) -> dict[str, Any]:
        batches = self._batches(index)
        skipped: list[list[str]] = []
        ids: list[str] = []
        micro_batches = []
        context = self._layout.context
        group, part = divmod(self._rank, context)
        for batch in batches[group]:
            groups = [[self._group(segment) for segment in row] for row in batch]
            ids += [c.id for row in groups for group in row for c in group.conversations]
            micro_batch = self._collator(batch, groups, skipped)
            if context > 1:
                micro_batch = divide(micro_batch, part, context, self._layout.devices.pair_work)
            micro_batches.append(micro_batch)
        rows = [row for device in batches for batch in device for row in batch]
        return {"micro_batches": micro_batches, "ids": ids, "skipped": skipped, **counts(rows, self._lengths)}

    def _batches(self, index: int) -> list[list[list[PackedRow]]]:
        """Return the micro-batches of a step, of each process, or of each group that divides rows."""
        return self._layout.batches(self._schedule.step(index), self._lengths)

    def rows(self, index: int) -> list[PackedRow]:
        """Return all rows of a step, of all processes."""
        return [row for device in self._batches(index) for batch in device for row in batch]

    def source_shares(self, steps: int) -> dict[int, float]:
        """Return the share of each source's questions that the first steps have, by the source's index."""
        return self._schedule.source_shares(steps)

    def _group(self, segment: Segment) -> Group:
        chunk = segment.chunk
        return self._corpora[chunk.source].group(chunk.group, segment.conversations.tolist())


def counts(rows: Sequence[PackedRow], lengths: Sequence[Lengths]) -> dict[str, int]:
    """Return counts of a step.

    `tokens` includes `image_tokens`, the tokens of images in prefixes. `unshared_image_tokens` is their number if every
    question had a row of its own.
    """
    segments = [segment for row in rows for segment in row]
    images = [int(lengths[segment.chunk.source].image[segment.chunk.group]) for segment in segments]
    questions = [len(segment.conversations) for segment in segments]
    return {
        "questions": sum(questions),
        "tokens": sum(segment.length for segment in segments),
        "image_tokens": sum(image for image, segment in zip(images, segments, strict=True) if not segment.follows),
        "unshared_image_tokens": sum(image * number for image, number in zip(images, questions, strict=True)),
    }


def step_loader(dataset: StepDataset, *, num_workers: int) -> DataLoader:
    """Return a loader of one step at a time, in order. The number of workers does not change its output."""
    return DataLoader(
        dataset,
        batch_size=1,
        sampler=SequentialSampler(dataset),
        collate_fn=_single,
        num_workers=num_workers,
        # The workers end with the iterator, at the end of the stage's one epoch. Those of a loader are left to the
        # garbage collector, which ends their queues first, and then waits ten seconds for workers without a message.
        persistent_workers=False,
        prefetch_factor=2 if num_workers else None,
        worker_init_fn=_outlive_stop_signals,
    )


def _outlive_stop_signals(_: int) -> None:
    """Let a data worker work on after a stop signal: without data a step would not end.

    torchrun sends signals to the training processes and their workers. The second SIGTERM ends a worker, as the data
    loader may need it.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: signal.signal(number, signal.SIG_DFL))


def _single(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return steps[0]
