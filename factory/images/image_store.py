"""A folder of images, named by the SHA-256 of their content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.utils.files import write_bytes
from pangea_cultural.utils.images import verify

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp"}
FORMATS = ("PNG", "JPEG", "WEBP")
"""Formats that every browser and model server reads. MPO is what Pillow calls a JPEG with further images behind it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredImage:
    """An image in the folder."""

    image: str
    """SHA-256 of the content."""
    path: str
    """Relative to the folder."""
    width: int
    height: int


def store_image(content: bytes, folder: Path) -> StoredImage:
    """Verify an image and write it under its hash, unless the folder has it.

    Raises:
        ImageError: the image cannot be used.
    """
    header = verify(content, FORMATS)
    image = hashlib.sha256(content).hexdigest()
    path = f"{image[:2]}/{image}{SUFFIXES[header.format]}"
    if not (folder / path).is_file():
        write_bytes(folder / path, content)
    return StoredImage(image=image, path=path, width=header.width, height=header.height)
