"""Small images for reports."""

import io
from pathlib import Path

from PIL import Image

from pangea_cultural.utils.images import FORMATS, decode

SIDE = 320
"""Longest side, in pixels."""
QUALITY = 80


def thumbnail(source: Path | bytes) -> bytes:
    """Return a small JPEG of an image.

    Raises:
        ImageError: the source is not a readable image.
    """

    def convert(image: Image.Image) -> bytes:
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=QUALITY)
        return buffer.getvalue()

    return decode(source, FORMATS, convert)
