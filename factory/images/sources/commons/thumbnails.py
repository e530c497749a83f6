"""Which copy of a file to fetch: a thumbnail of a standard width, a smaller one, or the original."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from factory.images.base import ImageInfo
from factory.images.sources.commons.photo_rules import Form

STEPS = (20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840)
"""Widths in pixels that Wikimedia makes; it answers 400 for any other."""
MAX_ORIGINAL_BYTES = 15_000_000
MAX_NAME_BYTES = 160
"""The thumbnails of files with longer names are called `thumbnail`."""
_WIDTH = re.compile(r"(?<![^/-])\d+px-(?=[^/]*$)")
_ORIGINAL = re.compile(r"(?P<root>.*/wikipedia/commons)/(?P<folder>[0-9a-f]/[0-9a-f]{2})/(?P<name>[^/?#]+)")
_PREFIX = {"image/tiff": "lossy-page1-"}
_SUFFIX = {"image/tiff": ".jpg", "image/svg+xml": ".png"}
_MADE = {"image/tiff": ", JPEG of a TIFF", "image/svg+xml": ", PNG of an SVG"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """Something to fetch."""

    url: str
    changes: str = ""
    """What makes it differ from the original."""


def copies(info: ImageInfo, form: Form, width: int) -> Iterator[Copy]:
    """The copies of a file to try, best first: at most two thumbnails, and the original where it may be taken.

    Args:
        info: with width and URLs.
        form: how files of its type are taken.
        width: of the thumbnail wanted, one of `STEPS`.
    """
    original = _original(info) if form == "photo" else None
    small = (info.width or 0) <= width
    if original and small:
        yield original
    # A thumbnail is never as wide as its original, except that a drawing has no pixels of its own.
    fitting = [step for step in STEPS if step <= width and (form == "drawing" or step < (info.width or 0))]
    for step in fitting[: -2 - 1 : -1]:
        url = thumbnail_url(info, step)
        if url:
            yield Copy(url=url, changes=f"thumbnail {step} px{_MADE.get(info.mime, '')}")
    if original and not small:
        yield original


def thumbnail_url(info: ImageInfo, width: int) -> str:
    """URL of a thumbnail of some standard width; empty where neither the API nor the original's URL lead to one.

    The URL that the API gave is kept in all but the width: its host is moving, and the width that the API tells is the
    one that was asked for, not the one of the file.
    """
    if "/thumb/" in info.thumbnail and _WIDTH.search(info.thumbnail):
        return _WIDTH.sub(f"{width}px-", info.thumbnail, count=1)
    match = _ORIGINAL.fullmatch(info.url)
    if not match:
        return ""
    name = match["name"]
    tail = name if len(info.title.encode()) <= MAX_NAME_BYTES else f"thumbnail{PurePosixPath(name).suffix}"
    last = f"{_PREFIX.get(info.mime, '')}{width}px-{tail}{_SUFFIX.get(info.mime, '')}"
    return f"{match['root']}/thumb/{match['folder']}/{name}/{last}"


def _original(info: ImageInfo) -> Copy | None:
    if not info.url or (info.size_bytes or 0) > MAX_ORIGINAL_BYTES:
        return None
    return Copy(url=info.url)
