"""Tiles of images, and their cache."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from pangea_cultural.errors import ImageError
from pangea_cultural.training.batching.images import OverviewReader, TileReader
from tests.helpers import tiny

IMAGE_BYTES = 3 * 4 * 4 * 4


def tile(image, return_tensors):
    """Tiles of 4 x 4 float32 pixels, as many as the image is wide."""
    return {"pixel_values": torch.ones(1, image.width, 3, 4, 4)}


@pytest.fixture
def paths(tmp_path):
    """Files of one tile each."""
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path in paths:
        Image.new("RGB", (1, 2)).save(path)
    return paths


def reader(*, cached_images):
    return TileReader(SimpleNamespace(image_processor=tile), cache_bytes=cached_images * IMAGE_BYTES)


def cached(reader, paths):
    """Names of the files that can be read without their content."""
    names = ""
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(b"")
        try:
            reader.tiles(path)
            names += path.stem
        except ImageError:
            pass
        path.write_bytes(content)
    return names


def test_tiles_have_height_and_width(paths):
    tiles = reader(cached_images=1).tiles(paths[0])
    assert (tiles.pixel_values.shape, tiles.size) == ((1, 3, 4, 4), (2, 1))


def test_cached_image_is_not_read_again(paths):
    images = reader(cached_images=1)
    first = images.tiles(paths[0])
    paths[0].unlink()
    assert images.tiles(paths[0]) is first


def test_cache_is_limited_in_bytes(paths):
    images = reader(cached_images=2)
    for path in paths:
        images.tiles(path)
    assert cached(images, paths) == "bc"
    images = reader(cached_images=3)
    for path in paths:
        images.tiles(path)
    assert cached(images, paths) == "abc"


def test_cache_evicts_the_least_recently_used_image(paths):
    images = reader(cached_images=2)
    a, b, c = paths
    for path in (a, b, a, c):
        images.tiles(path)
    assert cached(images, paths) == "ac"


def test_image_over_the_limit_is_returned_but_not_cached(paths, tmp_path):
    images = reader(cached_images=2)
    images.tiles(paths[0])
    Image.new("RGB", (3, 2)).save(tmp_path / "large.png")
    assert len(images.tiles(tmp_path / "large.png").pixel_values) == 3
    assert cached(images, [paths[0], tmp_path / "large.png"]) == "a"


def test_missing_image_is_an_error_until_it_exists(paths):
    images = reader(cached_images=2)
    content = paths[0].read_bytes()
    paths[0].unlink()
    with pytest.raises(ImageError, match="image missing"):
        images.tiles(paths[0])
    paths[0].write_bytes(content)
    assert images.tiles(paths[0]).size == (2, 1)


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (200, 31), (31, 200), (640, 480)])
def test_overview_equals_the_first_tile(tmp_path, size):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype="uint8")
    Image.fromarray(noise).save(tmp_path / "noise.png")
    _, processor = tiny.model_and_processor()
    overview = OverviewReader(processor).overview(tmp_path / "noise.png")
    tiles = TileReader(processor).tiles(tmp_path / "noise.png").pixel_values
    assert torch.equal(overview, tiles[0])
    assert overview.std() > 0.01 or size == (1, 1)


@pytest.mark.parametrize("kind", [OverviewReader, TileReader])
def test_a_reader_can_be_sent_to_data_workers(kind):
    _, processor = tiny.model_and_processor()
    assert isinstance(pickle.loads(pickle.dumps(kind(processor))), kind)
