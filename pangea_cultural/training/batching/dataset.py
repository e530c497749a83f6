"""The steps of a plan as one process sees them: micro-batches, made by data workers from a step's number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, Dataset, SequentialSampler

from pangea_cultural.training.batching.mixture import Schedule
from pangea_cultural.training.batching.packing import Lengths, PackedRow, Packing, distribute, pack_rows
from pangea_cultural.training.data.corpus import Corpus


@dataclass(frozen=True)
class BatchLayout:
    """How a step is laid out.

    Args:
        packing: how rows are filled.
        max_length: tokens in a row.
        per_device_rows: rows in one forward pass.
        processes: how many train together.
        rank: which of them this one is.
    """

    packing: Packing
    max_length: int
    per_device_rows: int
    processes: int = 1
    rank: int = 0


class StepDataset(Dataset):
    """The steps of a stage, each as a dictionary.

    `micro_batches` are this process's (see the collators). `questions`, `tokens`, `image_tokens` and
    `image_tokens_apart` are of all processes together: the tokens of all rows, those of images among them, and what
    the images would have taken had every question a row of its own. `ids` names the questions, `skipped` holds
    [file, reason] of this process's broken images.
    """

    def __init__(
        self,
        plan: Schedule,
        corpora: Sequence[Corpus],
        lengths: Sequence[Lengths],
        layout: BatchLayout,
        collator: Callable[..., dict[str, Any]],
    ) -> None:
        self._plan = plan
        self._corpora = corpora
        self._lengths = lengths
        self._layout = layout
        self._collator = collator

    def __len__(self) -> int:
        return self._plan.num_steps

    def __getitem__(self, number: int) -> dict[str, Any]:
        layout = self._layout
        filled = self.rows(number)
        own = distribute(filled, processes=layout.processes, per_device_rows=layout.per_device_rows)[layout.rank]
        skipped: list[list[str]] = []
        ids: list[str] = []
        micro_batches = []
        for batch in own:
            groups = [[self._group(part) for part in row] for row in batch]
            ids += [c.id for row in groups for group in row for c in group.conversations]
            micro_batches.append(self._collator(batch, groups, skipped))
        return {"micro_batches": micro_batches, "ids": ids, "skipped": skipped, **counts(filled, self._lengths)}

    def rows(self, number: int) -> list[PackedRow]:
        """All rows of a step, of all processes."""
        layout = self._layout
        pieces = self._plan.step(number)
        return pack_rows(pieces, self._lengths, packing=layout.packing, max_length=layout.max_length)

    def _group(self, part: Any) -> Any:
        return self._corpora[part.chunk.source].group(part.chunk.group, part.conversations)


def counts(filled: Sequence[PackedRow], lengths: Sequence[Lengths]) -> dict[str, int]:
    """What the rows of a step hold."""
    parts = [(part, int(lengths[part.chunk.source].image[part.chunk.group])) for row in filled for part in row]
    return {
        "questions": sum(len(part.conversations) for part, _ in parts),
        "tokens": sum(part.length for part, _ in parts),
        "image_tokens": sum(image for _, image in parts),
        "image_tokens_apart": sum(image * len(part.conversations) for part, image in parts),
    }


def loader(steps: StepDataset, *, workers: int) -> DataLoader:
    """Gives one step at a time, in order; the same whatever the number of workers."""
    return DataLoader(
        steps,
        batch_size=1,
        sampler=SequentialSampler(steps),
        collate_fn=_only,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=2 if workers else None,
    )


def _only(batch: list[dict[str, Any]]) -> dict[str, Any]:
    return batch[0]
