"""Copies of a file to fetch: thumbnails of standard widths, or the original."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from factory.images.base import THUMBNAIL_WIDTHS, ImageInfo, OriginalFile
from factory.images.sources.commons.photo_rules import FetchAs

MAX_ORIGINAL_BYTES = 15_000_000
MAX_THUMBNAILS = 2
MAX_NAME_BYTES = 160
"""Thumbnails of files with longer names are called `thumbnail`."""
_WIDTH = re.compile(r"(?<![^/-])\d+px-(?=[^/]*$)")
_ORIGINAL = re.compile(r"(?P<root>.*/wikipedia/commons)/(?P<folder>[0-9a-f]/[0-9a-f]{2})/(?P<name>[^/?#]+)")
_PREFIX = {"image/tiff": "lossy-page1-"}
_SUFFIX = {"image/tiff": ".jpg", "image/svg+xml": ".png"}
_CONVERSION = {"image/tiff": ", JPEG of a TIFF", "image/svg+xml": ", PNG of an SVG"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """One copy of a file."""

    url: str
    changes: str = ""
    """Difference from the original."""


def copies(info: ImageInfo, fetch_as: FetchAs, width: int) -> Iterator[Copy]:
    """Yield the copies of a file to try, best first: at most two thumbnails, and the original if it is allowed.

    Args:
        info: metadata with width and URLs.
        fetch_as: form in which files of its type are fetched.
        width: preferred width in pixels, one of `THUMBNAIL_WIDTHS`.
    """
    file = info.original
    original = _original(file) if fetch_as == "photo" else None
    is_small = (file.width or 0) <= width
    if original and is_small:
        yield original
    # A thumbnail is narrower than its original. A drawing has no pixels, so every width is possible.
    steps = [step for step in THUMBNAIL_WIDTHS if step <= width and (fetch_as == "drawing" or step < (file.width or 0))]
    for step in steps[::-1][:MAX_THUMBNAILS]:
        if url := thumbnail_url(info, step):
            yield Copy(url=url, changes=f"thumbnail {step} px{_CONVERSION.get(file.mime, '')}")
    if original and not is_small:
        yield original


def thumbnail_url(info: ImageInfo, width: int) -> str:
    """Return the URL of a thumbnail of a standard width, or an empty string if it cannot be derived.

    The API's thumbnail URL is reused with another width: its host may change, and its width is the requested one, which
    the file may not have.
    """
    file = info.original
    if "/thumb/" in file.thumbnail_url and _WIDTH.search(file.thumbnail_url):
        return _WIDTH.sub(f"{width}px-", file.thumbnail_url, count=1)
    match = _ORIGINAL.fullmatch(file.url)
    if not match:
        return ""
    name = match["name"]
    tail = name if len(info.title.encode()) <= MAX_NAME_BYTES else f"thumbnail{PurePosixPath(name).suffix}"
    last = f"{_PREFIX.get(file.mime, '')}{width}px-{tail}{_SUFFIX.get(file.mime, '')}"
    return f"{match['root']}/thumb/{match['folder']}/{name}/{last}"


def _original(file: OriginalFile) -> Copy | None:
    if not file.url or (file.size_bytes or 0) > MAX_ORIGINAL_BYTES:
        return None
    return Copy(url=file.url)
