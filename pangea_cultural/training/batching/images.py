"""Images as model inputs: tiles, and numbers of image tokens."""

from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import torch
from cachetools import LRUCache, cachedmethod
from transformers import CLIPImageProcessorPil, LlavaNextProcessor

from pangea_cultural.utils.images import read_rgb

DEFAULT_CACHE_BYTES = 1 << 29


class Tiles(NamedTuple):
    """The tiles of an image."""

    pixel_values: torch.Tensor
    """[tiles, 3, height, width]; the first tile is an overview of the image."""
    size: tuple[int, int]
    """Height and width of the image in pixels."""


class TileReader:
    """A reader that cuts images into tiles. It caches recent images: small data sets repeat them often.

    Args:
        processor: processor of the model.
        cache_bytes: limit of the cached pixel values.
    """

    def __init__(self, processor: LlavaNextProcessor, *, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._processor = processor
        # Data workers receive the reader as a pickle, which a lambda would prevent.
        self._cache: LRUCache[Path, Tiles] = LRUCache(cache_bytes, getsizeof=attrgetter("pixel_values.nbytes"))

    @cachedmethod(lambda self: self._cache)
    def tiles(self, path: Path) -> Tiles:
        """Return the tiles of an image.

        Raises:
            ImageError: the image is missing or not readable.
        """
        image = read_rgb(path)
        inputs = self._processor.image_processor(image, return_tensors="pt")
        return Tiles(inputs["pixel_values"][0], (image.height, image.width))


class OverviewReader:
    """A reader of overview tiles only, for training without detail tiles. It caches recent images.

    The overview is CLIP's view of an image that is stretched to the size of a tile. The model's own processor would
    make all tiles first, which takes several times as long.

    Args:
        processor: processor of the model.
        cache_bytes: limit of the cached pixel values.
    """

    def __init__(self, processor: LlavaNextProcessor, *, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        settings = processor.image_processor
        self._processor = CLIPImageProcessorPil(
            size={name: settings.crop_size[name] for name in ("height", "width")},
            do_center_crop=False,
            resample=settings.resample,
            image_mean=settings.image_mean,
            image_std=settings.image_std,
        )
        self._cache: LRUCache[Path, torch.Tensor] = LRUCache(cache_bytes, getsizeof=attrgetter("nbytes"))

    @cachedmethod(lambda self: self._cache)
    def overview(self, path: Path) -> torch.Tensor:
        """Return the first tile [3, height, width] that `TileReader` returns for an image.

        Raises:
            ImageError: the image is missing or not readable.
        """
        return self._processor(read_rgb(path), return_tensors="pt")["pixel_values"][0]


class ImageTokenCounter:
    """A counter of the tokens that the model uses for an image.

    Args:
        processor: processor of the model.
    """

    def __init__(self, processor: LlavaNextProcessor) -> None:
        self._processor = processor
        self._tile_size = processor.image_processor.crop_size["height"]
        self._counts: dict[tuple[int, int], int] = {}

    def count(self, size: tuple[int, int]) -> int:
        """Return the number of tokens of an image with this height and width."""
        if size not in self._counts:
            count = self._processor._get_number_of_features(*size, self._tile_size, self._tile_size)
            # The processor's own count includes the class token, which the strategy "default" drops.
            drops_class_token = self._processor.vision_feature_select_strategy == "default"
            self._counts[size] = count - drops_class_token
        return self._counts[size]
