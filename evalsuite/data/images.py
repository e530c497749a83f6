"""Bytes of images from which an endpoint decodes the pixels that the reference harness saw.

The reference opens images with `datasets`, which applies the EXIF orientation, and converts them to RGB, which drops
transparency without a background. vLLM applies no orientation and lays transparent images on white. So the original
file is sent only if both ways give the same pixels; otherwise the reference's pixels are sent as PNG.
"""

import base64
import binascii
import io
from typing import Any

from PIL import Image, ImageOps

from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import FORMATS, MISSING, UNREADABLE, decode
from pangea_cultural.utils.pixels import ORIENTATION

ABSENT = "None"
"""Text that stands for an absent image in columns of base64 text."""


def content(value: Any) -> bytes | None:
    """Return the bytes of an image as data sets hold it: a struct with `bytes`, bytes, or base64 text.

    Returns:
        None for an absent image.

    Raises:
        ImageError: the text is not base64, or a struct has a path only. Paths in data are not followed.
    """
    if value is None or value == ABSENT:
        return None
    if isinstance(value, dict):
        if value.get("bytes") is None:
            raise ImageError(MISSING)
        return bytes(value["bytes"])
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ImageError(UNREADABLE, "not base64") from error
    return bytes(value)


def reference_bytes(original: bytes) -> bytes:
    """Return an image file with the reference's pixels: the original where that is certain, else a PNG.

    Raises:
        ImageError: the content is not a readable image, or over a limit.
    """

    def convert(image: Image.Image) -> bytes:
        plain = image.format == "JPEG" and image.mode in ("RGB", "L")
        image.load()
        if plain and image.getexif().get(ORIENTATION, 1) == 1:
            return original
        buffer = io.BytesIO()
        # Level 1: half of the time of the default for a tenth more bytes.
        _as_reference(image).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return decode(original, FORMATS, convert)


def squeezed_bytes(original: bytes, size: tuple[int, int]) -> bytes:
    """Return an image file of a size, without regard to proportions. The EXIF orientation is not applied.

    Raises:
        ImageError: the content is not a readable image, or over a limit.
    """

    def convert(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        image.convert("RGB").resize(size).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return decode(original, FORMATS, convert)


def sent_bytes(original: bytes, size: tuple[int, int] | None) -> bytes:
    """Return the image file that is sent: with the reference's pixels, squeezed to a size if there is one.

    Raises:
        ImageError: the content is not a readable image, or over a limit.
    """
    return reference_bytes(original) if size is None else squeezed_bytes(original, size)


def opened(value: Any) -> Image.Image:
    """Return an image of a data set as the reference sees it, also one that is decoded already.

    Raises:
        ImageError: the image is absent or not readable.
    """
    if isinstance(value, Image.Image):
        return value.convert("RGB")
    original = content(value)
    if original is None:
        raise ImageError(MISSING)
    return decode(original, FORMATS, _as_reference)


def _as_reference(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image).convert("RGB")


def media_type(file: bytes) -> str:
    """Return the media type of a file that `reference_bytes` returned."""
    return "image/jpeg" if file.startswith(b"\xff\xd8") else "image/png"
