"""Images that look the same: speed and memory of the search, and which changes of a photo are found.

    python -m tests.perf.factory.near_duplicates --photos /tmp/photos

Searches among a million random signatures, of which one in a hundred has a near-duplicate. With a folder of photos, it
also changes each of them in many ways, and counts the changed copies that are found. docs/factory.md has the results.
"""

import io
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from pangea_cultural.utils.near_duplicates import MAX_DISTANCE, MAX_HUE_DISTANCE, pairs
from pangea_cultural.utils.perceptual_hash import Signature, of_image
from tests.perf.support import record


@click.command()
@click.option("--images", default=1_000_000, show_default=True, help="Signatures to search.")
@click.option("--photos", type=click.Path(path_type=Path, exists=True), help="Folder of JPEG files to change.")
def main(images: int, photos: Path | None) -> None:
    """Measure the search, and the changes that it finds."""
    figures = search(images)
    if photos:
        figures |= changes(sorted(photos.glob("*.jpg")))
    record.write("near_duplicates", figures)


def search(images: int) -> dict[str, float]:
    """Return seconds and peak memory of a search in which all planted pairs are found."""
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 256, (images, 32), dtype=np.uint8)
    planted = images // 100
    hashes[-planted:] = hashes[:planted]
    for row in range(images - planted, images):
        for bit in draw.choice(256, draw.integers(1, MAX_DISTANCE + 1), replace=False):
            hashes[row, bit // 8] ^= 1 << bit % 8
    began = time.monotonic()
    found = pairs(hashes, np.full((images, 32), 128, np.uint8))
    seconds = time.monotonic() - began
    assert len(found) == planted, f"{len(found)} of {planted} pairs were found"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"images": images, "search_seconds": seconds, "search_peak_gb": peak}


def changes(files: list[Path]) -> dict[str, float]:
    """Return the different bits of pairs of photos, and the share of changed copies that are found."""
    began = time.monotonic()
    photos = [of_image(Image.open(file)) for file in files]
    figures = {"ms_per_photo": 1000 * (time.monotonic() - began) / len(files)}
    apart = [_distance(one, other)[0] for n, one in enumerate(photos) for other in photos[:n]]
    figures |= {"photos": len(files), "different_photos_min_bits": min(apart)}
    found: dict[str, list[tuple[int, float]]] = {}
    for file, photo in zip(files, photos, strict=True):
        for name, changed in _changed(Image.open(file).convert("RGB")):
            found.setdefault(name, []).append(_distance(photo, of_image(changed)))
    for name, distances in found.items():
        bits = [distance for distance, _ in distances]
        near = [distance <= MAX_DISTANCE and hue <= MAX_HUE_DISTANCE for distance, hue in distances]
        figures |= {f"{name}: median bits": float(np.median(bits)), f"{name}: maximum bits": max(bits)}
        figures[f"{name}: found, %"] = 100 * float(np.mean(near))
    return figures


def _distance(one: Signature, other: Signature) -> tuple[int, float]:
    hashes = [np.frombuffer(found.hash, np.uint8) for found in (one, other)]
    colors = [np.frombuffer(found.colors, np.uint8).astype(int) for found in (one, other)]
    return int(np.bitwise_count(hashes[0] ^ hashes[1]).sum()), float(np.abs(colors[0] - colors[1]).mean())


def _changed(photo: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """Yield changed copies of a photo as files, by the name of the change."""
    width, height = photo.size
    yield "JPEG, quality 85", _file(photo, quality=85)
    yield "JPEG, quality 20", _file(photo, quality=20)
    yield "WebP, quality 75", _file(photo, "WEBP", quality=75)
    yield "PNG", _file(photo, "PNG")
    yield "half size", _file(photo.resize((width // 2, height // 2), Image.Resampling.LANCZOS))
    yield "double size", _file(photo.resize((width * 2, height * 2), Image.Resampling.BICUBIC))
    yield "160 pixels wide", _file(photo.resize((160, 160 * height // width), Image.Resampling.BICUBIC))
    yield "square", _file(photo.resize((height, height), Image.Resampling.BICUBIC))
    for share in (0.01, 0.02, 0.04):
        x, y = int(width * share / 2), int(height * share / 2)
        yield f"cropped by {share:.0%}", _file(photo.crop((x, y, width - x, height - y)))
    for factor in (1.2, 1.5):
        yield f"brightness × {factor}", _file(ImageEnhance.Brightness(photo).enhance(factor))
    for factor in (0.7, 1.4):
        yield f"contrast × {factor}", _file(ImageEnhance.Contrast(photo).enhance(factor))
    yield "saturation × 0.5", _file(ImageEnhance.Color(photo).enhance(0.5))
    yield "gray", _file(photo.convert("L"))
    bar = photo.copy()
    box = (width * 0.6, height * 0.9, width * 0.98, height * 0.97)
    ImageDraw.Draw(bar).rectangle(box, fill=(255, 255, 255))
    yield "white bar", _file(bar)
    border = Image.new("RGB", (int(width * 1.04), int(height * 1.04)), (255, 255, 255))
    border.paste(photo, (int(width * 0.02), int(height * 0.02)))
    yield "border of 2 %", _file(border)
    yield "turned by 1 degree", _file(photo.rotate(1, Image.Resampling.BICUBIC))
    yield "mirrored", _file(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def _file(image: Image.Image, format: str = "JPEG", **options: int) -> Image.Image:
    """Return an image as it is read from a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **({"quality": 90} if format == "JPEG" else {}) | options)
    return Image.open(buffer)


if __name__ == "__main__":
    main()
