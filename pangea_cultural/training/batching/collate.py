"""Collators, which turn packed rows into the tensors of a micro-batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import LlavaNextProcessor

from pangea_cultural.errors import ImageError
from pangea_cultural.model.attention.masks import PADDING, PREFIX
from pangea_cultural.model.modeling import IGNORE_INDEX
from pangea_cultural.training.batching.augment import Augmentation
from pangea_cultural.training.batching.chat_template import ChatTemplate, Span
from pangea_cultural.training.batching.images import ImageTokenCounter, OverviewReader, TileReader, Tiles
from pangea_cultural.training.batching.packing import PackedRow, Segment
from pangea_cultural.training.data.types import Group

Weighting = Literal["token", "question", "sqrt"]


@dataclass
class RowBuilder:
    """A row before padding. All lists have its length."""

    input_ids: list[int] = field(default_factory=list)
    position_ids: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    conversations: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Loss key of each position; used at targets only."""

    def add_prefix(self, ids: list[int], *, group: int) -> None:
        """Append the prefix that the conversations of a group share. It has no targets."""
        self._add(ids, first_position=0, group=group, conversation=PREFIX)
        self.labels += [IGNORE_INDEX] * len(ids)
        self.weights += [0.0] * len(ids)
        self.keys += [0] * len(ids)

    def add_conversation(
        self,
        ids: list[int],
        targets: list[bool],
        *,
        prefix_length: int,
        group: int,
        conversation: int,
        weight: float,
        key: int,
    ) -> None:
        """Append a conversation.

        Args:
            ids: tokens of the conversation.
            targets: whether each token is a target.
            prefix_length: length of the group's prefix, where position ids start.
            group: number of the group within the row.
            conversation: number of the conversation within the group.
            weight: loss weight of each target.
            key: loss key of each target.
        """
        self._add(ids, first_position=prefix_length, group=group, conversation=conversation)
        self.labels += [token if is_target else IGNORE_INDEX for token, is_target in zip(ids, targets, strict=True)]
        self.weights += [weight] * len(ids)
        self.keys += [key] * len(ids)

    def _add(self, ids: list[int], *, first_position: int, group: int, conversation: int) -> None:
        self.input_ids += ids
        self.position_ids += range(first_position, first_position + len(ids))
        self.groups += [group] * len(ids)
        self.conversations += [conversation] * len(ids)


@dataclass(frozen=True)
class LoadedSegment:
    """A segment with its texts, as spans, and its images."""

    segment: Segment
    group: Group
    spans: list[list[Span]]
    """Spans of each conversation."""
    tiles: list[Tiles]
    """None for a segment that follows another one about the same image."""


class Collator:
    """The collator of the objective `sft`.

    Args:
        processor: processor of the model.
        keys: loss key of each (source, language).
        weighting: loss weight of each target. `token`: 1, so that the loss is the mean over targets, as with separate
            rows. `question`: 1 / targets of the conversation, so that questions count equally. `sqrt`, Molmo's root
            weighting: 1 / sqrt(questions about the image in this step), so that images with many questions do not
            dominate.
        augmentation: augmentation of the images; None for none.
        pad_to_multiple_of: rows are padded to a multiple of this length.
        row_parts: processes that divide each row between them. Rows are at least so long.
    """

    def __init__(
        self,
        processor: LlavaNextProcessor,
        *,
        keys: dict[tuple[int, str], int],
        weighting: Weighting = "token",
        augmentation: Augmentation | None = None,
        pad_to_multiple_of: int = 1,
        row_parts: int = 1,
    ) -> None:
        self._template = ChatTemplate(processor.tokenizer)
        self._images = TileReader(processor)
        self._image_tokens = ImageTokenCounter(processor)
        self._pad_token_id = processor.tokenizer.pad_token_id
        self._keys = keys
        self._weighting = weighting
        self._augmentation = augmentation
        self._multiple = pad_to_multiple_of
        self._row_parts = row_parts

    def __call__(
        self, rows: Sequence[PackedRow], groups: Sequence[Sequence[Group]], skipped: list[list[str]]
    ) -> dict[str, Any]:
        """Return a micro-batch.

        Args:
            rows: rows of the micro-batch; none for a process without work.
            groups: group of each segment of each row, with the segment's conversations only.
            skipped: list to which [file, reason] of broken images is added. Their segments are left out.

        Returns:
            input_ids, position_ids, labels, weights [batch, length]; segments [batch, 2, length]; keys [targets];
            normalizer, the sum of the targets' weights; and if there are images pixel_values
            [images, tiles, 3, height, width], or of all images [tiles, 3, height, width] for divided rows, and
            image_sizes [images, 2].
        """
        loaded = [list(self._load(row, row_groups, skipped)) for row, row_groups in zip(rows, groups, strict=True)]
        loaded = [row for row in loaded if row]
        conversations = [spans for row in loaded for segment in row for spans in segment.spans]
        # One call for all texts: fast tokenizers process batches in parallel.
        encoded = iter(self._template.encode([span.text for spans in conversations for span in spans if span.text]))
        built = [self._build_row(row, encoded) for row in loaded] or [self._empty_row()]
        tiles = [tiles for row in loaded for segment in row for tiles in segment.tiles]
        return self._pad(built) | (_stack(tiles) if self._row_parts == 1 else _concatenate(tiles))

    def prompt(self, group: Group) -> dict[str, torch.Tensor]:
        """Return the inputs to generate an answer to the first question of a group, tokenized as in training.

        Raises:
            ImageError: an image is missing or not readable.
        """
        tiles = [self._images.tiles(path) for path in group.images]
        image_tokens = [self._image_tokens.count(tile.size) for tile in tiles]
        ids = torch.tensor([self._template.prompt(group.conversations[0].turns[0][0], image_tokens)])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **_stack(tiles)}

    def _load(self, row: PackedRow, groups: Sequence[Group], skipped: list[list[str]]) -> Iterator[LoadedSegment]:
        is_readable = False
        for segment, group in zip(row, groups, strict=True):
            tiles = []
            if not segment.follows:
                tiles = list(self._readable(segment, group, skipped))
                is_readable = len(tiles) == len(group.images)
            if is_readable:
                number = len(group.images)
                spans = [list(self._template.spans(c.turns, num_images=number)) for c in group.conversations]
                yield LoadedSegment(segment, group, spans, tiles)

    def _readable(self, segment: Segment, group: Group, skipped: list[list[str]]) -> Iterator[Tiles]:
        """Yield the tiles of the images that can be read."""
        for path in group.images:
            try:
                yield self._tiles(path, segment.chunk.number)
            except ImageError as error:
                skipped.append([str(path), error.reason])

    def _tiles(self, path: Path, chunk_number: int) -> Tiles:
        tiles = self._images.tiles(path)
        if self._augmentation is None:
            return tiles
        return tiles._replace(pixel_values=self._augmentation.color_jitter(tiles.pixel_values, chunk_number))

    def _build_row(self, segments: list[LoadedSegment], encoded: Iterator[list[int]]) -> RowBuilder:
        row = RowBuilder()
        number, index = -1, PREFIX
        image_tokens: list[int] = []
        prefix: list[int] = []
        for loaded in segments:
            if not loaded.segment.follows:
                number, index = number + 1, PREFIX
                image_tokens = [self._image_tokens.count(tiles.size) for tiles in loaded.tiles]
                prefix = self._template.prefix(image_tokens)
                row.add_prefix(prefix, group=number)
            is_image_shared = len(image_tokens) == 1
            for conversation, spans in zip(loaded.group.conversations, loaded.spans, strict=True):
                index += 1
                ids, targets = self._template.tokens(spans, encoded, () if is_image_shared else image_tokens)
                row.add_conversation(
                    ids,
                    targets,
                    prefix_length=len(prefix),
                    group=number,
                    conversation=index,
                    weight=self._weight(loaded.segment, targets),
                    key=self._keys[loaded.group.source, conversation.language],
                )
        return row

    def _weight(self, segment: Segment, targets: list[bool]) -> float:
        if self._weighting == "question":
            return 1 / sum(targets)
        return segment.image_questions**-0.5 if self._weighting == "sqrt" else 1.0

    def _empty_row(self) -> RowBuilder:
        """Return a row without targets."""
        row = RowBuilder()
        row.add_prefix(self._template.header, group=0)
        return row

    def _pad(self, rows: list[RowBuilder]) -> dict[str, torch.Tensor]:
        length = max(self._row_parts, *(len(row.input_ids) for row in rows))
        length = -(-length // self._multiple) * self._multiple

        def padded(name: str, value: float) -> torch.Tensor:
            lists = [getattr(row, name) for row in rows]
            return torch.tensor([values + [value] * (length - len(values)) for values in lists])

        labels, weights = padded("labels", IGNORE_INDEX), padded("weights", 0.0)
        # The model predicts each token from the one before it.
        is_target = labels[:, 1:] != IGNORE_INDEX
        return {
            "input_ids": padded("input_ids", self._pad_token_id),
            "position_ids": padded("position_ids", 0),
            "segments": torch.stack([padded("groups", PADDING), padded("conversations", PREFIX)], dim=1),
            "labels": labels,
            "weights": weights,
            "keys": padded("keys", 0)[:, 1:][is_target],
            "normalizer": float(weights[:, 1:][is_target].double().sum()),
        }


def _stack(images: list[Tiles]) -> dict[str, torch.Tensor]:
    """Stack images, padded with empty tiles. The model ignores these according to the image sizes."""
    if not images:
        return {}
    most_tiles = max(len(tiles.pixel_values) for tiles in images)
    padded = [
        torch.nn.functional.pad(tiles.pixel_values, (0, 0, 0, 0, 0, 0, 0, most_tiles - len(tiles.pixel_values)))
        for tiles in images
    ]
    return {"pixel_values": torch.stack(padded), "image_sizes": torch.tensor([tiles.size for tiles in images])}


def _concatenate(images: list[Tiles]) -> dict[str, torch.Tensor]:
    """Concatenate the tiles of images."""
    if not images:
        return {}
    pixel_values = torch.cat([tiles.pixel_values for tiles in images])
    return {"pixel_values": pixel_values, "image_sizes": torch.tensor([tiles.size for tiles in images])}


class CaptionCollator:
    """The collator of the objective `contrastive`: overview tiles, and the index of each image's caption.

    Args:
        processor: processor of the model.
        captions: all captions, in the order of the labels.
        keys: loss key of each (source, language).
        augmentation: augmentation of the images; None for none.
    """

    def __init__(
        self,
        processor: LlavaNextProcessor,
        captions: Sequence[str],
        keys: dict[tuple[int, str], int],
        augmentation: Augmentation | None,
    ) -> None:
        self._images = OverviewReader(processor)
        self._augmentation = augmentation
        self._labels = {caption: label for label, caption in enumerate(captions)}
        self._keys = keys
        size = processor.image_processor.crop_size
        self._empty_tile = torch.zeros(3, size["height"], size["width"])

    def __call__(
        self, rows: Sequence[PackedRow], groups: Sequence[Sequence[Group]], skipped: list[list[str]]
    ) -> dict[str, Any]:
        """Return a micro-batch.

        Args:
            rows: rows of the micro-batch; none for a process without work.
            groups: group of each segment of each row.
            skipped: list to which [file, reason] of broken images is added.

        Returns:
            pixel_values [images, 3, height, width]; labels, keys [images]; normalizer, the number of images.
        """
        tiles, numbers, labels, keys = [], [], [], []
        for row, row_groups in zip(rows, groups, strict=True):
            for segment, group in zip(row, row_groups, strict=True):
                try:
                    tiles.append(self._images.overview(group.images[0]))
                except ImageError as error:
                    skipped.append([str(group.images[0]), error.reason])
                    continue
                numbers.append(segment.chunk.number)
                labels.append(self._labels[group.caption])
                keys.append(self._keys[group.source, "en"])
        return {
            "normalizer": float(len(labels)),
            "keys": torch.tensor(keys, dtype=torch.long),
            "pixel_values": self._pixel_values(tiles, numbers),
            "labels": torch.tensor(labels or [IGNORE_INDEX]),
        }

    def _pixel_values(self, tiles: list[torch.Tensor], numbers: list[int]) -> torch.Tensor:
        if not tiles:
            # A process without images takes part with an empty one, which is ignored.
            return self._empty_tile[None]
        if self._augmentation is None:
            return torch.stack(tiles)
        jittered = map(self._augmentation.color_jitter, tiles, numbers)
        return self._augmentation.affine(torch.stack([*jittered]), numbers)
