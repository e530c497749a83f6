"""Images of a published data set: found in folders and archives, verified, and stored by the hash of their content."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pangea_cultural.dataset.sources.fields import RowError, image
from pangea_cultural.errors import ImageError
from pangea_cultural.utils import images
from pangea_cultural.utils.archives import members
from pangea_cultural.utils.sealed import is_intact, write_sealed

SUFFIXES = {
    **{"AVIF": "avif", "BMP": "bmp", "GIF": "gif", "JPEG": "jpg", "JPEG2000": "jp2", "MPO": "jpg", "PNG": "png"},
    **{"PPM": "ppm", "TIFF": "tiff", "WEBP": "webp"},
}
"""Suffix by Pillow's name of the format: a name in an archive can state another one."""
BATCH = 64
"""Images that are decoded at a time; they are in memory."""
THREADS = 4


class Found(NamedTuple):
    """An image that rows name: a stored one, or the reason why it cannot be used."""

    path: str
    """Path in the source."""
    image: str = ""
    """Path in the export; empty if it cannot be used."""
    width: int = 0
    height: int = 0
    reason: str = ""


def store(wanted: set[str], folder: Path, archives: Iterable[Path], target: Path) -> Iterator[Found]:
    """Store the images that rows name, and yield one record for each. `wanted` is empty at the end.

    Args:
        wanted: paths in the source.
        folder: folder with unpacked images.
        archives: archives of images. Members are known by their path, or by its last two parts: region and file.
        target: folder of the export.
    """
    yield from _stored(_in_archives(wanted, archives), target)
    yield from _stored(_in_folder(sorted(wanted), folder), target)
    wanted.clear()


def store_embedded(contents: Iterator[tuple[str, bytes | ImageError]], target: Path) -> Iterator[Found]:
    """Store images that come with the rows, and yield one record for each.

    Args:
        contents: pairs of path, and content or the reason why there is none.
        target: folder of the export.
    """
    limited = (
        (path, ImageError(images.FILE_TOO_LARGE) if _is_too_large(content) else content) for path, content in contents
    )
    return _stored(limited, target)


def _is_too_large(content: bytes | ImageError) -> bool:
    return isinstance(content, bytes) and len(content) > images.MAX_BYTES


def _in_archives(wanted: set[str], archives: Iterable[Path]) -> Iterator[tuple[str, bytes | ImageError]]:
    for archive in archives:
        for member in members(archive):
            name = _known(member.name, wanted)
            if name is not None:
                wanted.discard(name)
                too_large = member.size > images.MAX_BYTES
                yield name, ImageError(images.FILE_TOO_LARGE) if too_large else member.read()


def _known(name: str, wanted: set[str]) -> str | None:
    if name in wanted:
        return name
    short = "/".join(name.split("/")[-2:])
    return short if short in wanted else None


def _in_folder(wanted: list[str], folder: Path) -> Iterator[tuple[str, bytes | ImageError]]:
    root = folder.resolve()
    for name in wanted:
        try:
            path = (folder / image(name)).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                raise ImageError(images.MISSING)
            if path.stat().st_size > images.MAX_BYTES:
                raise ImageError(images.FILE_TOO_LARGE)
            yield name, path.read_bytes()
        except (OSError, RowError, RuntimeError):  # such as a name that is too long, or links in a circle
            yield name, ImageError(images.MISSING)
        except ImageError as error:
            yield name, error


def _stored(contents: Iterator[tuple[str, bytes | ImageError]], target: Path) -> Iterator[Found]:
    with ThreadPoolExecutor(THREADS) as threads:
        while batch := list(islice(contents, BATCH)):
            yield from threads.map(lambda pair: _store(pair[0], pair[1], target), batch)


def _store(path: str, content: bytes | ImageError, target: Path) -> Found:
    try:
        if isinstance(content, ImageError):
            raise content
        header = images.verify(content)
    except ImageError as error:
        return Found(path, reason=error.reason)
    digest = hashlib.sha256(content).hexdigest()
    name = f"images/{digest[:2]}/{digest}.{SUFFIXES[header.format]}"
    if not is_intact(target / name, len(content)):
        write_sealed(target / name, content)
    return Found(path, name, header.width, header.height)
