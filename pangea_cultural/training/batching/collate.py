"""From the rows of a step to the tensors of its micro-batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import LlavaNextProcessor

from pangea_cultural.errors import ImageError
from pangea_cultural.model.masks import PADDING, PREFIX
from pangea_cultural.model.modeling import IGNORE_INDEX
from pangea_cultural.training.batching.augment import Augmentation
from pangea_cultural.training.batching.chat_template import ChatTemplate, Span
from pangea_cultural.training.batching.images import Images, ImageTokenCounter, Tiles
from pangea_cultural.training.batching.packing import PackedRow, Segment
from pangea_cultural.training.data.types import Conversation, Group

Weighting = Literal["token", "question", "sqrt"]


@dataclass
class RowBuilder:
    """One row before padding; all lists have its length."""

    input_ids: list[int] = field(default_factory=list)
    position_ids: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    conversations: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Of each position, which entry of the measures a target there counts for."""

    def add_prefix(self, ids: list[int], *, group: int) -> None:
        """Append what the conversations of a group share; nothing in it is a target."""
        self._add(ids, first=0, group=group, conversation=PREFIX)
        self.labels += [IGNORE_INDEX] * len(ids)
        self.weights += [0.0] * len(ids)
        self.keys += [0] * len(ids)

    def add_conversation(
        self, ids: list[int], targets: list[bool], *, prefix: int, group: int, number: int, weight: float, key: int
    ) -> None:
        """Append a conversation.

        Args:
            ids: its tokens.
            targets: which of them are targets.
            prefix: length of the group's prefix, after which its positions begin.
            group: number of the group within the row.
            number: of the conversation within the group.
            weight: what a target counts.
            key: entry of the measures that a target counts for.
        """
        self._add(ids, first=prefix, group=group, conversation=number)
        self.labels += [token if is_target else IGNORE_INDEX for token, is_target in zip(ids, targets, strict=True)]
        self.weights += [weight] * len(ids)
        self.keys += [key] * len(ids)

    def _add(self, ids: list[int], *, first: int, group: int, conversation: int) -> None:
        self.input_ids += ids
        self.position_ids += range(first, first + len(ids))
        self.groups += [group] * len(ids)
        self.conversations += [conversation] * len(ids)


@dataclass(frozen=True)
class LoadedSegment:
    """A part with its texts, as spans, and its images."""

    part: Segment
    group: Group
    spans: list[list[Span]]
    tiles: list[Tiles]


class Collator:
    """Makes micro-batches of rows.

    Args:
        processor: of the model.
        keys: number of each (source, language) among the measures.
        weighting: what a target counts. `token`: one, so that the loss is the mean over targets, as separate rows have
            it. `question`: one over the targets of its conversation, so that long answers do not outweigh short ones.
            `sqrt`: one over the root of the questions that share the image in this step (Molmo's root weighting), so
            that an image with many questions does not outweigh others.
        augmentation: changes images a little; None for not at all.
    """

    def __init__(
        self,
        processor: LlavaNextProcessor,
        *,
        keys: dict[tuple[int, str], int],
        weighting: Weighting = "token",
        augmentation: Augmentation | None = None,
    ) -> None:
        self._template = ChatTemplate(processor.tokenizer)
        self._images = Images(processor)
        self._image_tokens = ImageTokenCounter(processor)
        self._pad = processor.tokenizer.pad_token_id
        self._keys = keys
        self._weighting = weighting
        self._augmentation = augmentation

    def __call__(
        self, rows: Sequence[PackedRow], groups: Sequence[Sequence[Group]], skipped: list[list[str]]
    ) -> dict[str, Any]:
        """A micro-batch.

        Args:
            rows: none for a process that has nothing to do in this micro-batch.
            groups: of each part of each row, with the part's conversations only.
            skipped: takes [file, reason] of images that turn out to be broken; their parts are left out.

        Returns:
            input_ids, position_ids, labels, weights [batch, length]; segments [batch, 2, length]; keys [targets];
            `normalizer`, the sum of the targets' weights; and where there are images pixel_values
            [images, tiles, 3, height, width] and image_sizes [images, 2].
        """
        loaded = [list(self._loaded(row, own, skipped)) for row, own in zip(rows, groups, strict=True)]
        loaded = [row for row in loaded if row]
        texts = iter(
            self._template.encode([s.text for row in loaded for p in row for c in p.spans for s in c if s.text])
        )
        made = [self._row(row, texts) for row in loaded] or [self._idle()]
        return self._padded(made) | _stacked([tiles for row in loaded for part in row for tiles in part.tiles])

    def _loaded(self, row: PackedRow, groups: Sequence[Group], skipped: list[list[str]]) -> Iterator[LoadedSegment]:
        for part, group in zip(row, groups, strict=True):
            tiles = []
            for path in group.images:
                try:
                    tiles.append(self._tiles(path, part.chunk.number))
                except ImageError as error:
                    skipped.append([str(path), str(error)])
            if len(tiles) == len(group.images):
                spans = [list(self._template.spans(c.turns, num_images=len(tiles))) for c in group.conversations]
                yield LoadedSegment(part, group, spans, tiles)

    def _tiles(self, path: Any, number: int) -> Tiles:
        tiles = self._images.tiles(path)
        return (
            tiles._replace(pixel_values=self._augmentation.color_jitter(tiles.pixel_values, number))
            if self._augmentation
            else tiles
        )

    def _row(self, parts: list[LoadedSegment], texts: Iterator[list[int]]) -> RowBuilder:
        row = RowBuilder()
        for number, part in enumerate(parts):
            counts = [self._image_tokens.count(tiles.size) for tiles in part.tiles]
            prefix = self._template.header + [self._template.image] * (counts[0] if len(counts) == 1 else 0)
            row.add_prefix(prefix, group=number)
            for place, (conversation, spans) in enumerate(
                zip(part.group.conversations, part.spans, strict=True), PREFIX + 1
            ):
                ids, targets = self._template.tokens(spans, texts, counts if len(counts) > 1 else ())
                row.add_conversation(
                    ids,
                    targets,
                    prefix=len(prefix),
                    group=number,
                    number=place,
                    weight=self._weight(part.part, targets),
                    key=self._key(part.group, conversation),
                )
        return row

    def _weight(self, part: Segment, targets: list[bool]) -> float:
        if self._weighting == "question":
            return 1 / sum(targets)
        return len(part.chunk.conversations) ** -0.5 if self._weighting == "sqrt" else 1.0

    def _key(self, group: Group, conversation: Conversation) -> int:
        return self._keys[group.source, conversation.language]

    def _idle(self) -> RowBuilder:
        """A row without targets."""
        row = RowBuilder()
        row.add_prefix(self._template.header, group=0)
        return row

    def _padded(self, rows: list[RowBuilder]) -> dict[str, torch.Tensor]:
        length = max(len(row.input_ids) for row in rows)

        def padded(name: str, value: float) -> torch.Tensor:
            lists = [getattr(row, name) for row in rows]
            return torch.tensor([own + [value] * (length - len(own)) for own in lists])

        labels, weights = padded("labels", IGNORE_INDEX), padded("weights", 0.0)
        chosen = labels[:, 1:] != IGNORE_INDEX
        return {
            "input_ids": padded("input_ids", self._pad),
            "position_ids": padded("position_ids", 0),
            "segments": torch.stack([padded("groups", PADDING), padded("conversations", PREFIX)], dim=1),
            "labels": labels,
            "weights": weights,
            "keys": padded("keys", 0)[:, 1:][chosen],
            "normalizer": float(weights[:, 1:][chosen].double().sum()),
        }


def _stacked(tiles: list[Tiles]) -> dict[str, torch.Tensor]:
    """Images with unequal numbers of tiles are filled up with empty ones, which the model leaves out by the sizes."""
    if not tiles:
        return {}
    most = max(len(part.pixel_values) for part in tiles)
    filled = [torch.nn.functional.pad(t.pixel_values, (0, 0, 0, 0, 0, 0, 0, most - len(t.pixel_values))) for t in tiles]
    return {"pixel_values": torch.stack(filled), "image_sizes": torch.tensor([part.size for part in tiles])}


class CaptionCollator:
    """Makes the micro-batches of the objective `contrastive`: overview tiles, and which caption each has."""

    def __init__(
        self,
        processor: LlavaNextProcessor,
        captions: Sequence[str],
        keys: dict[tuple[int, str], int],
        augmentation: Augmentation | None,
    ) -> None:
        self._images = Images(processor)
        self._augmentation = augmentation
        self._number = {caption: number for number, caption in enumerate(captions)}
        self._keys = keys
        size = processor.image_processor.crop_size
        self._empty = torch.zeros(3, size["height"], size["width"])

    def __call__(
        self, rows: Sequence[PackedRow], groups: Sequence[Sequence[Group]], skipped: list[list[str]]
    ) -> dict[str, Any]:
        """A micro-batch: pixel_values [images, 3, height, width], labels and keys [images], their number as
        `normalizer`.
        """
        tiles, labels, keys = [], [], []
        for row, own in zip(rows, groups, strict=True):
            for part, group in zip(row, own, strict=True):
                try:
                    tiles.append(self._overview(group, part.chunk.number))
                except ImageError as error:
                    skipped.append([str(group.images[0]), str(error)])
                    continue
                labels.append(self._number[group.caption])
                keys.append(self._keys[group.source, "en"])
        batch = {"normalizer": float(len(labels)), "keys": torch.tensor(keys, dtype=torch.long)}
        # A process without images takes part with one that does not count.
        return batch | {
            "pixel_values": torch.stack(tiles or [self._empty]),
            "labels": torch.tensor(labels or [IGNORE_INDEX]),
        }

    def _overview(self, group: Group, number: int) -> torch.Tensor:
        tile = self._images.tiles(group.images[0]).pixel_values[0]
        return (
            self._augmentation.affine(self._augmentation.color_jitter(tile, number), number)
            if self._augmentation
            else tile
        )
