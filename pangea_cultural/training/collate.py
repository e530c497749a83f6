"""From groups to the tensors of a batch: pictures to tiles, conversations to packed rows."""

from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from transformers import LlavaNextProcessor

from pangea_cultural.model.packed import IGNORED
from pangea_cultural.training.mixture import Group
from pangea_cultural.training.packing import PADDING, Packer, Row, attention_mask
from pangea_cultural.training.vary import Vary


class Tiles(NamedTuple):
    """A picture as the model takes it."""

    pixel_values: torch.Tensor
    """[tiles, 3, height, width]; the first tile is the whole picture."""
    size: tuple[int, int]
    """Height and width of the picture."""
    num_tokens: int


class Pictures:
    """Reads pictures and cuts them into tiles; keeps the last ones, because small data sets come again and again."""

    def __init__(self, processor: LlavaNextProcessor, *, cache_bytes: int = 1 << 30) -> None:
        self._processor = processor
        self._cache: OrderedDict[Path, Tiles] = OrderedDict()
        self._room = cache_bytes

    def tiles(self, path: Path) -> Tiles:
        """The tiles of a picture."""
        if path in self._cache:
            self._cache.move_to_end(path)
            return self._cache[path]
        tiles = self._read(path)
        self._cache[path] = tiles
        self._room -= tiles.pixel_values.nbytes
        while self._room < 0:
            self._room += self._cache.popitem(last=False)[1].pixel_values.nbytes
        return tiles

    def _read(self, path: Path) -> Tiles:
        with Image.open(path) as picture:
            inputs = self._processor.image_processor(picture.convert("RGB"), return_tensors="pt")
        height, width = (int(side) for side in inputs["image_sizes"][0])
        tile = inputs["pixel_values"].shape[-1]
        # The processor's own count includes the class token, which the strategy "default" drops.
        num_tokens = self._processor._get_number_of_features(height, width, tile, tile) - 1
        return Tiles(inputs["pixel_values"][0], (height, width), num_tokens)


class AnswerBatches:
    """Makes the batches of the stage objective `answers`."""

    def __init__(self, processor: LlavaNextProcessor, vary: Vary | None = None) -> None:
        self._pictures = Pictures(processor)
        self._vary = vary
        self._packer = Packer(processor.tokenizer)
        self._pad = processor.tokenizer.pad_token_id

    def __call__(self, numbered: list[tuple[int, Group]]) -> dict[str, torch.Tensor]:
        """A batch of packed rows.

        Args:
            numbered: groups with their numbers in the stage's plan.

        Returns:
            input_ids, position_ids, labels [batch, length]; attention_mask [batch, 1, length, length];
            num_questions, a count; and where there are pictures pixel_values [pictures, tiles, 3, height, width] and
            image_sizes [pictures, 2].
        """
        groups = [group for _, group in numbered]
        tiles = [self._tiles(number, group) for number, group in numbered]
        rows = [
            self._packer.row(group.conversations, part.num_tokens if part else 0)
            for group, part in zip(groups, tiles, strict=True)
        ]
        batch = self._padded(rows)
        batch["num_questions"] = torch.tensor(sum(len(c.turns) for group in groups for c in group.conversations))
        return batch | _stacked([part for part in tiles if part is not None])

    def _tiles(self, number: int, group: Group) -> Tiles | None:
        if group.image is None:
            return None
        tiles = self._pictures.tiles(group.image)
        return tiles._replace(pixel_values=self._vary.light(tiles.pixel_values, number)) if self._vary else tiles

    def _padded(self, rows: list[Row]) -> dict[str, torch.Tensor]:
        segments = _pad([row.segments for row in rows], PADDING)
        return {
            "input_ids": _pad([row.input_ids for row in rows], self._pad),
            "position_ids": _pad([row.position_ids for row in rows], 0),
            "labels": _pad([row.labels for row in rows], IGNORED),
            "attention_mask": attention_mask(segments, torch.float32),
        }


def _pad(rows: list[list[int]], value: int) -> torch.Tensor:
    length = max(map(len, rows))
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])


def _stacked(tiles: list[Tiles]) -> dict[str, torch.Tensor]:
    """Pictures with unequal numbers of tiles are filled up with empty ones, which the model leaves out by the sizes."""
    if not tiles:
        return {}
    most = max(len(part.pixel_values) for part in tiles)
    filled = [torch.nn.functional.pad(t.pixel_values, (0, 0, 0, 0, 0, 0, 0, most - len(t.pixel_values))) for t in tiles]
    return {"pixel_values": torch.stack(filled), "image_sizes": torch.tensor([part.size for part in tiles])}


class CaptionBatches:
    """Makes the batches of the stage objective `contrastive`: overview tiles, and which caption each has."""

    def __init__(self, processor: LlavaNextProcessor, captions: list[str], vary: Vary | None = None) -> None:
        self._pictures = Pictures(processor)
        self._vary = vary
        self._number = {caption: number for number, caption in enumerate(captions)}

    def __call__(self, numbered: list[tuple[int, Group]]) -> dict[str, torch.Tensor]:
        """A batch of groups with pictures: pixel_values [batch, 3, height, width], labels [batch], num_questions."""
        tiles = [self._overview(number, group) for number, group in numbered]
        return {
            "pixel_values": torch.stack(tiles),
            "labels": torch.tensor([self._number[group.caption] for _, group in numbered]),
            "num_questions": torch.tensor(len(numbered)),
        }

    def _overview(self, number: int, group: Group) -> torch.Tensor:
        assert group.image is not None, "groups without a picture have no part in this objective"
        tile = self._pictures.tiles(group.image).pixel_values[0]
        return self._vary.place(self._vary.light(tile, number), number) if self._vary else tile
