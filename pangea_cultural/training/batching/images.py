"""Images as the model takes them. Files are not trusted: what does not decode is an error of this one image."""

from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import LlavaNextProcessor

from pangea_cultural.utils.images import read_rgb


class Tiles(NamedTuple):
    """An image as the model takes it."""

    pixel_values: torch.Tensor
    """[tiles, 3, height, width]; the first tile is the whole image."""
    size: tuple[int, int]
    """Height and width of the image."""


class Images:
    """Reads images and cuts them into tiles; keeps the last ones, because small data sets come again and again."""

    def __init__(self, processor: LlavaNextProcessor, *, cache_bytes: int = 1 << 28) -> None:
        self._processor = processor
        self._cache: OrderedDict[Path, Tiles] = OrderedDict()
        self._room = cache_bytes

    def tiles(self, path: Path) -> Tiles:
        """The tiles of an image.

        Raises:
            ImageError: there is no such file, or it does not decode.
        """
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
        image = read_rgb(path)
        inputs = self._processor.image_processor(image, return_tensors="pt")
        return Tiles(inputs["pixel_values"][0], (image.height, image.width))


class ImageTokenCounter:
    """How many tokens the model makes of an image."""

    def __init__(self, processor: LlavaNextProcessor) -> None:
        self._processor = processor
        self._tile = processor.image_processor.crop_size["height"]
        self._known: dict[tuple[int, int], int] = {}

    def count(self, height_and_width: tuple[int, int]) -> int:
        """Tokens of an image of a size."""
        if height_and_width not in self._known:
            counted = self._processor._get_number_of_features(*height_and_width, self._tile, self._tile)
            # The processor's own count includes the class token, which the strategy "default" drops.
            dropped = self._processor.vision_feature_select_strategy == "default"
            self._known[height_and_width] = counted - dropped
        return self._known[height_and_width]
