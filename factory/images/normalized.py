"""One normalization of every stored image, so that factory, training, vLLM and browsers see the same pixels.

Stored images are upright, opaque, with 8 bits, in sRGB, without metadata. An image that is so already keeps its coded
pixels: only metadata is removed from its file. Others are decoded and encoded again: JPEG and lossy WebP as JPEG, PNG
and lossless WebP as PNG.
"""

import contextlib
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from factory.images import color, containers
from pangea_cultural.errors import ImageError
from pangea_cultural.utils import pixels
from pangea_cultural.utils.images import UNREADABLE, ImageHeader, decode, read_to_end

FORMATS = ("PNG", "JPEG", "WEBP")
"""Formats that every browser and model server reads. MPO is what Pillow calls a JPEG with further images behind it."""
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
MIN_SIDE_PX = 8
MAX_ASPECT = 50
"""Longer side over shorter side. Models cut images into squares, which leaves a line of a longer image."""
SIDE_TOO_SHORT = "a side too short"
TOO_LONG = "no photo by its shape: line"
JPEG_QUALITY = 95
LARGE_PX = 16_000_000
"""Size from which images are decoded one at a time: ten threads with 100 megapixels each would need 10 GB."""

TURNED, ON_WHITE, TO_8_BIT, TO_SRGB = "turned upright", "on white", "8 bits per channel", "colors converted to sRGB"
"""Changes of the pixels, which licenses require to state."""
FIRST_FRAME = "first frame"

_decoding_large = threading.Lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class NormalizedImage:
    """An image as it is stored."""

    content: bytes
    suffix: str
    width: int
    height: int
    changes: tuple[str, ...] = ()
    """Changes of the pixels."""


def normalized(content: bytes) -> NormalizedImage:
    """Return an image as it is stored. Threads may call it at the same time.

    Raises:
        ImageError: the image cannot be used.
    """
    return decode(content, FORMATS, lambda image: _normalized(content, image))


def _normalized(content: bytes, image: Image.Image) -> NormalizedImage:
    """Return a normalized image, given its opened file."""
    _check_shape(*image.size)
    try:
        bare = containers.without_metadata(content)
    except containers.ContainerError:
        bare = b""
    if image.format in ("JPEG", "MPO") and containers.num_scans(bare or content) > containers.MAX_SCANS:
        raise ImageError(UNREADABLE, "too many scans")
    with _one_at_a_time(image.width * image.height > LARGE_PX):
        if bare and _is_plain(content, image):
            return _kept(bare, decode(bare, FORMATS, read_to_end))
        header = ImageHeader(str(image.format), image.width, image.height)
        result, changes = _resolved(content, image)
        # An alpha channel that is opaque everywhere changes nothing.
        return _encoded(result, is_lossy(content), changes) if changes or not bare else _kept(bare, header)


def _kept(content: bytes, header: ImageHeader) -> NormalizedImage:
    suffix = SUFFIXES["JPEG" if header.format == "MPO" else header.format]
    return NormalizedImage(content=content, suffix=suffix, width=header.width, height=header.height)


def _check_shape(width: int, height: int) -> None:
    shorter, longer = sorted((width, height))
    if shorter < MIN_SIDE_PX:
        raise ImageError(SIDE_TOO_SHORT, f"{width} × {height}")
    if longer > MAX_ASPECT * shorter:
        raise ImageError(TOO_LONG, f"{width} × {height}")


@contextlib.contextmanager
def _one_at_a_time(large: bool) -> Iterator[None]:
    with _decoding_large if large else contextlib.nullcontext():
        yield


def _is_plain(content: bytes, image: Image.Image) -> bool:
    """Return whether the header shows that every program sees the same pixels."""
    return (
        image.mode in ("RGB", "L", "P", "1")
        and not pixels.has_transparency(image)
        and not _has_16_bits(content)
        and pixels.orientation(image) == 1
        and not (image.format == "WEBP" and getattr(image, "is_animated", False))
        and not color.is_visible(image.info.get("icc_profile"), "L" if image.mode == "L" else "RGB")
        and color.gamma_lut(image) is None
    )


def _has_16_bits(content: bytes) -> bool:
    """Return whether a PNG has 16 bits per channel. Pillow drops 8 of them in some modes, so the mode does not tell."""
    return content.startswith(b"\x89PNG") and content[24:25] == b"\x10"


def is_lossy(content: bytes) -> bool:
    """Return whether a file is a JPEG or a lossy WebP."""
    return content.startswith(b"\xff\xd8") or (content.startswith(b"RIFF") and b"VP8L" not in content)


def _resolved(content: bytes, image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode an image and resolve everything that programs see differently. Return it in RGB, and the changes."""
    turn, profile, table = pixels.orientation(image), image.info.get("icc_profile"), color.gamma_lut(image)
    changes = [FIRST_FRAME] if image.format == "WEBP" and getattr(image, "is_animated", False) else []
    image.load()
    plain, alpha = _split(pixels.to_8_bit(image))
    shown = color.converted(plain, profile)
    result = shown or plain.convert("RGB")
    if table is not None:
        result = result.point(list(table) * 3)
    if shown is not None or table is not None or plain.mode == "CMYK":
        changes.append(TO_SRGB)
    if alpha is not None:
        result.putalpha(alpha)
        result = pixels.on_white(result)
        changes.append(ON_WHITE)
    if _has_16_bits(content):
        changes.append(TO_8_BIT)
    if turn != 1:
        result = pixels.upright(result, turn)
        changes.append(TURNED)
    return result, tuple(changes)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colors in RGB, L or CMYK, and the alpha channel if a pixel is not opaque."""
    if not pixels.has_transparency(image):
        return (image if image.mode in ("L", "CMYK") else image.convert("RGB")), None
    with_alpha = image.convert("RGBA")
    alpha = with_alpha.getchannel("A")
    colors = with_alpha.convert("L" if image.mode in ("L", "LA") else "RGB")
    opaque = alpha.getextrema() == (255, 255)
    return colors, None if opaque else alpha


def _encoded(image: Image.Image, lossy: bool, changes: tuple[str, ...]) -> NormalizedImage:
    buffer = io.BytesIO()
    image.info.clear()
    if lossy:
        image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4")
    else:
        image.save(buffer, "PNG")
    return NormalizedImage(
        content=buffer.getvalue(),
        suffix=SUFFIXES["JPEG" if lossy else "PNG"],
        width=image.width,
        height=image.height,
        changes=changes,
    )
