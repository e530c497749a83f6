"""The decoder of untrusted image files: named formats, size limits and one error class.

Pixels come as people see them: upright, on white, with 8 bits (`pixels`), the first frame of an animation.
"""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from PIL import Image, UnidentifiedImageError

from pangea_cultural.errors import ImageError
from pangea_cultural.utils.pixels import to_rgb, upright_size

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that photos come in. The others are rare, or run another program (EPS)."""
JPEG = ("JPEG", "MPO")
"""Pillow's names of files with JPEG's markers."""
MAX_BYTES = 20_000_000
"""Limit for content in memory: downloads and uploads. Files on disk are decoded whatever their size."""
MAX_PIXELS = 100_000_000
"""Limit against decompression bombs: 100 megapixels need 300 MB in RGB."""

MAX_SCANS = 500
"""Scans of a JPEG. A progressive one has about ten. Each costs time for all pixels, and can have 75 bytes."""
MAX_SCANNED_PIXELS = 3_000_000_000
"""Pixels of a JPEG times its scans: 60 scans of 50 megapixels. A scan without content takes 10 ms for 50 megapixels."""
SCAN = b"\xff\xda"
"""Marker at the start of each scan. Within a scan, the first byte is never followed by this second one."""
MAX_READS = 100_000
"""Reads of a file in memory. A PNG of 20 MB in parts of 8 kB takes 10,000."""

MISSING = "image missing"
FILE_TOO_LARGE = "file too large"
TOO_MANY_PIXELS = "too many pixels"
UNREADABLE = "not a readable image"

# MAX_PIXELS replaces Pillow's warning. The filter is global because `catch_warnings` is not safe with threads.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
# Broken metadata does not matter, and a build of millions of images would print thousands of lines.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

Result = TypeVar("Result")


class ImageHeader(NamedTuple):
    """Format and size of an image."""

    format: str
    """Pillow's name. MPO is a JPEG that has further images behind the first."""
    width: int
    height: int


class _LimitedReads(io.BytesIO):
    """Content that Pillow may read only so often: it reads each part of a file in Python."""

    _left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, if it was not too often.

        Raises:
            ImageError: it was.
        """
        self._left -= 1
        if self._left < 0:
            raise ImageError(UNREADABLE, "too many parts")
        return super().read(size)


def read_rgb(path: Path) -> Image.Image:
    """Decode an image file to RGB.

    Raises:
        ImageError: the file is missing, has too many pixels or is not a readable image.
    """
    return decode(path, FORMATS, to_rgb)


def read_size(path: Path) -> tuple[int, int]:
    """Return height and width in pixels from the header of an image file.

    Raises:
        ImageError: the file is missing, has too many pixels or is not a readable image.
    """
    width, height = decode(path, FORMATS, upright_size)
    return height, width


def verify(content: bytes, formats: tuple[str, ...] = FORMATS) -> ImageHeader:
    """Decode an image to its end and return its header. Threads may call it at the same time.

    Raises:
        ImageError: the content is over a limit or not a readable image in one of the formats.
    """
    return decode(content, formats, read_to_end)


def read_to_end(image: Image.Image) -> ImageHeader:
    """Decode an opened image to its end, as cheaply as possible, and return its header."""
    header = ImageHeader(str(image.format), image.width, image.height)
    # An eighth of the pixels is enough to read a JPEG to its end: 1.2 ms instead of 1.9 ms. A side of zero is an error.
    image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()
    return header


def decode(source: Path | bytes, formats: tuple[str, ...], use: Callable[[Image.Image], Result]) -> Result:
    """Return `use(image)` of an image within the limits. The image is not decoded before `use`.

    Raises:
        ImageError: the content is over a limit or not a readable image in one of the formats, or `use` fails.
    """
    try:
        if isinstance(source, bytes) and len(source) > MAX_BYTES:
            raise ImageError(FILE_TOO_LARGE)
        file = _LimitedReads(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=formats) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(TOO_MANY_PIXELS, f"{image.width} × {image.height}")
            if isinstance(source, bytes) and image.format in JPEG:
                most = min(MAX_SCANS, MAX_SCANNED_PIXELS // max(1, image.width * image.height))
                if source.count(SCAN) > most:
                    raise ImageError(UNREADABLE, f"more than {most} scans")
            return use(image)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(MISSING) from None
    except Image.DecompressionBombError as error:
        raise ImageError(TOO_MANY_PIXELS) from error
    except UnidentifiedImageError as error:
        raise ImageError(UNREADABLE, "unknown format") from error
    # Pillow's decoders raise errors of many types for broken content.
    except Exception as error:
        raise ImageError(UNREADABLE, str(error)) from error
