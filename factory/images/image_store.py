"""A folder of images, named by the SHA-256 of their content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from factory.images.normalized import normalized
from pangea_cultural.utils.sealed import is_intact, write_sealed


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredImage:
    """An image in the folder."""

    image: str
    """SHA-256 of the content."""
    path: str
    """Relative to the folder."""
    width: int
    height: int
    size_bytes: int
    changes: tuple[str, ...] = ()
    """Changes of the pixels by the normalization."""


def store_image(content: bytes, folder: Path) -> StoredImage:
    """Normalize an image and write it under its hash, unless the folder has it undamaged.

    Raises:
        ImageError: the image cannot be used.
    """
    result = normalized(content)
    image = hashlib.sha256(result.content).hexdigest()
    path = f"{image[:2]}/{image}{result.suffix}"
    size = len(result.content)
    if not is_intact(folder / path, size):
        write_sealed(folder / path, result.content)
    return StoredImage(
        image=image, path=path, width=result.width, height=result.height, size_bytes=size, changes=result.changes
    )
