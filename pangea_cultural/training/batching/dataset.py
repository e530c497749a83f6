"""The steps of a schedule as one process sees them: micro-batches, made by data workers from a step's index."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, Dataset, SequentialSampler

from pangea_cultural.training.batching.mixture import Schedule
from pangea_cultural.training.batching.packing import Lengths, PackedRow, Packing, Segment, distribute, pack_rows
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.types import Group


@dataclass(frozen=True)
class BatchLayout:
    """Layout of a step: rows, and their distribution to processes.

    Args:
        packing: packing method.
        max_length: tokens per row.
        per_device_batch_size: rows per forward pass.
        processes: number of training processes.
        rank: index of this process.
    """

    packing: Packing
    max_length: int
    per_device_batch_size: int
    processes: int = 1
    rank: int = 0


class StepDataset(Dataset):
    """The steps of a stage. Each step is a dictionary:

    - micro_batches: batches of this process, as the collator returns them.
    - ids: ids of this process's questions.
    - skipped: [file, reason] of this process's broken images.
    - questions, tokens, image_tokens, unshared_image_tokens: counts of all processes (see `counts`).
    """

    def __init__(
        self,
        schedule: Schedule,
        corpora: Sequence[Corpus],
        lengths: Sequence[Lengths],
        layout: BatchLayout,
        collator: Callable[..., dict[str, Any]],
    ) -> None:
        self._schedule = schedule
        self._corpora = corpora
        self._lengths = lengths
        self._layout = layout
        self._collator = collator

    def __len__(self) -> int:
        return self._schedule.num_steps

    def __getitem__(self, index: int) -> dict[str, Any]:
        try:
            return self._step(index)
        except StopIteration as error:
            # A data loader would take it for the end of the data, and the training would end without an error.
            raise RuntimeError(f"Step {index + 1} has fewer texts than were measured.") from error

    def _step(self, index: int) -> dict[str, Any]:
        layout = self._layout
        rows = self.rows(index)
        batches = distribute(rows, processes=layout.processes, per_device_batch_size=layout.per_device_batch_size)
        skipped: list[list[str]] = []
        ids: list[str] = []
        micro_batches = []
        for batch in batches[layout.rank]:
            groups = [[self._group(segment) for segment in row] for row in batch]
            ids += [c.id for row in groups for group in row for c in group.conversations]
            micro_batches.append(self._collator(batch, groups, skipped))
        return {"micro_batches": micro_batches, "ids": ids, "skipped": skipped, **counts(rows, self._lengths)}

    def rows(self, index: int) -> list[PackedRow]:
        """Return all rows of a step, of all processes."""
        chunks = self._schedule.step(index)
        return pack_rows(chunks, self._lengths, packing=self._layout.packing, max_length=self._layout.max_length)

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
        "image_tokens": sum(images),
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
        persistent_workers=num_workers > 0,
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
