"""One image: checked by decoding it, and kept in a folder under the SHA-256 of its content."""

import hashlib
import io
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from factory.images.base import BadImageError
from pangea_cultural.utils.files import write_bytes

MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
"""A photo of 8,000 × 6,000 passes; a decompression bomb does not."""
FORMATS = ("PNG", "JPEG", "WEBP")
# MPO is what Pillow calls the JPEG of a camera that put a second image behind the first.
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp"}
_FILTERS = threading.Lock()
"""Warning filters belong to the process: two threads that change them at once leave them changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An image in the folder."""

    image: str
    """SHA-256 of the content."""
    path: str
    """Relative to the folder."""
    width: int
    height: int


def check_image(content: bytes) -> tuple[str, int, int]:
    """Suffix, width and height of an image, after reading it to its end. Threads may call it at the same time.

    Raises:
        BadImageError: too large, not an image, not a known format, or broken.
    """
    if len(content) > MAX_BYTES:
        raise BadImageError("file too large")
    try:
        with _opened(content) as image:
            # Known from the header: nothing of a bomb is unpacked.
            if image.width * image.height > MAX_PIXELS:
                raise BadImageError("too many pixels", f"{image.width} × {image.height}")
            size = image.size
            # A JPEG is read to its end all the same, but an eighth of its pixels is made: 1.2 ms instead of 1.9.
            image.draft("L", (image.width // 8, image.height // 8))
            image.load()
            return SUFFIXES[str(image.format)], *size
    except Image.DecompressionBombError as error:
        raise BadImageError("too many pixels") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, BadImageError):
            raise
        raise BadImageError("not a readable image", str(error)) from error


def _opened(content: bytes) -> Image.Image:
    with _FILTERS, warnings.catch_warnings():
        # Our own limit is lower than the one that Pillow warns of.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(content), formats=FORMATS)


def store_image(content: bytes, folder: Path) -> Stored:
    """Check an image and keep it under its hash; an image that lies there already is not written again.

    Raises:
        BadImageError: it cannot be used.
    """
    suffix, width, height = check_image(content)
    image = hashlib.sha256(content).hexdigest()
    path = f"{image[:2]}/{image}{suffix}"
    if not (folder / path).is_file():
        write_bytes(folder / path, content)
    return Stored(image=image, path=path, width=width, height=height)
