"""The search for near-duplicates: it finds the pairs that a comparison of all pairs finds."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pangea_cultural.utils import near_duplicates, perceptual_hash
from pangea_cultural.utils.near_duplicates import MAX_DISTANCE, MAX_HUE_DISTANCE, SMALL, pairs


def compared(hashes, colors):
    """All pairs that are near, by brute force."""
    bits = np.unpackbits(hashes, axis=1).astype(int)
    distances = (bits[:, None] != bits[None]).sum(-1)
    hues = np.abs(colors[:, None].astype(int) - colors[None]).mean(-1)
    return {
        (int(i), int(j))
        for i, j in zip(*np.nonzero((distances <= MAX_DISTANCE) & (hues <= MAX_HUE_DISTANCE)), strict=True)
        if i < j
    }


def changed(draw, hash, bits):
    result = np.unpackbits(hash)
    result[draw.choice(256, bits, replace=False)] ^= 1
    return np.packbits(result)


def test_all_pairs_within_the_distance_are_found():
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 256, (50, 32), dtype=np.uint8)
    near = [changed(draw, hash, bits) for hash in hashes for bits in (MAX_DISTANCE - 1, MAX_DISTANCE, MAX_DISTANCE + 1)]
    hashes = np.concatenate([hashes, near])
    colors = np.full((len(hashes), 32), 128, np.uint8)
    colors[::7] += 2 * MAX_HUE_DISTANCE
    found = {tuple(pair) for pair in pairs(hashes, colors).tolist()}
    assert found == compared(hashes, colors)
    assert len(found) > 50


def test_pairs_in_a_large_bucket_are_found(monkeypatch):
    monkeypatch.setattr(near_duplicates, "BLOCK", 40)
    draw = np.random.default_rng(1)
    hashes = draw.integers(0, 256, (3 * SMALL, 32), dtype=np.uint8)
    hashes[:, :5] = 7  # one bucket
    hashes[-30:] = [changed(draw, hash, 20) for hash in hashes[:30]]
    colors = np.full((len(hashes), 32), 128, np.uint8)
    assert {tuple(pair) for pair in pairs(hashes, colors).tolist()} == compared(hashes, colors)


def test_copies_are_connected_through_the_first():
    hashes = np.zeros((5, 32), np.uint8)
    colors = np.zeros((5, 32), np.uint8)
    colors[3] = 200
    assert pairs(hashes, colors).tolist() == [[0, 1], [0, 2], [0, 4]]


def test_no_images_have_no_pairs():
    assert pairs(np.empty((0, 32), np.uint8), np.empty((0, 32), np.uint8)).shape == (0, 2)


def landscape(seed, size=(400, 300)):
    """Smooth random shapes in random colors, which stand for a photo."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def stripes(*colors):
    image = Image.new("RGB", (150, 100))
    for number, color in enumerate(colors):
        ImageDraw.Draw(image).rectangle((50 * number, 0, 50 * number + 49, 99), color)
    return image


def reencoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return Image.open(buffer)


def alike(*images):
    """Return whether two images are near-duplicates."""
    found = [perceptual_hash.of_image(image) for image in images]
    hashes, colors = (
        np.array([np.frombuffer(part, np.uint8) for part in column]) for column in zip(*found, strict=True)
    )
    return len(pairs(hashes, colors)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda image: reencoded(image, "JPEG", quality=40),
        lambda image: reencoded(image, "WEBP", quality=60),
        lambda image: reencoded(image.resize((200, 150)), "JPEG", quality=85),
        lambda image: image.resize((1000, 700), Image.Resampling.BICUBIC),
        lambda image: image.point([min(255, round(1.1 * level)) for level in range(256)] * 3),
    ],
    ids=["jpeg", "webp", "half", "larger", "brighter"],
)
def test_a_changed_copy_looks_the_same(change):
    assert all(alike(landscape(seed), change(landscape(seed))) for seed in range(5))


def test_other_images_do_not_look_the_same():
    assert not any(alike(landscape(one), landscape(one + 1)) for one in range(20))


def test_flags_of_equal_layout_do_not_look_the_same():
    white = (255, 255, 255)
    france, italy, ireland = (stripes(one, white, other) for one, other in ((BLUE, RED), (GREEN, RED), (GREEN, ORANGE)))
    assert not alike(france, italy) and not alike(italy, ireland)
    assert alike(italy, reencoded(italy, "PNG"))


BLUE, RED, GREEN, ORANGE = (0, 85, 164), (206, 43, 55), (0, 146, 70), (255, 136, 62)


def test_plain_colors_do_not_look_the_same():
    assert not alike(Image.new("RGB", (60, 40), (90, 90, 90)), Image.new("RGB", (60, 40), (200, 200, 200)))
