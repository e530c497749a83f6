"""Rules that decide which files can be photos. The table is photo_rules.toml."""

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from factory.images.base import ImageInfo
from factory.images.normalized import MAX_ASPECT, TOO_LONG
from pangea_cultural.errors import ImageError

BANNER = "no photo by its shape: banner"
BY_NAME = "no photo by its name: {}"
"""Reason with a word of the table."""
DRAWING = "no photo: SVG (a drawing; the recipe does not allow drawings)"
NO_SIZE = "no size given"
OTHER_TYPE = "no photo: other type"
TOO_SMALL = "a side under {} px"
"""Reason with the limit of the recipe."""

FetchAs = Literal["photo", "thumbnail", "drawing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoRules:
    """The recipe's rules for photos."""

    min_side_px: int = 400
    """Minimum of the original's shorter side."""
    drawings: bool = False
    """Accept SVG files, as PNG."""

    def check(self, info: ImageInfo, *, in_category: bool) -> None:
        """Check a file by its metadata.

        Args:
            info: the file's metadata.
            in_category: the file was found in a category, so no person chose it for the entity.

        Raises:
            ImageError: the file is not a photo, or too small.
        """
        fetch_as = fetch_form(info.original.mime)
        if fetch_as == "drawing" and not self.drawings:
            raise ImageError(DRAWING)
        if fetch_as == "photo" and info.original.mediatype not in ("", "BITMAP"):
            raise ImageError(OTHER_TYPE, info.original.mediatype.lower())
        if in_category:
            _check_name(info.title)
        self._check_size(info, fetch_as, in_category)

    def _check_size(self, info: ImageInfo, fetch_as: FetchAs, in_category: bool) -> None:
        width, height = info.original.width, info.original.height
        if not width or not height:
            raise ImageError(NO_SIZE)
        longer, shorter = max(width, height), min(width, height)
        if longer > MAX_ASPECT * shorter:
            raise ImageError(TOO_LONG, f"{width} × {height}")
        if fetch_as != "drawing" and shorter < self.min_side_px:
            raise ImageError(TOO_SMALL.format(self.min_side_px), f"{width} × {height}")
        if in_category and longer > _table()["names"]["max_aspect"] * shorter:
            raise ImageError(BANNER, f"{width} × {height}")


def fetch_form(mime: str) -> FetchAs:
    """Return the form in which files of a MIME type are fetched.

    Raises:
        ImageError: files of this type are not photos.
    """
    table = _table()
    if mime in table["formats"]:
        return table["formats"][mime]
    refused = table["refused"]
    reason = refused.get(mime) or refused.get(f"{mime.partition('/')[0]}/") or OTHER_TYPE
    raise ImageError(reason, mime[:200])


def _check_name(title: str) -> None:
    stem = title.rpartition(".")[0] or title
    if match := _stop_words().search(stem.replace("_", " ").casefold()):
        raise ImageError(BY_NAME.format(match[0]))


@functools.cache
def _stop_words() -> re.Pattern[str]:
    words = sorted(_table()["names"]["words"], key=len, reverse=True)
    # A letter beside the word rules it out: "map2" and "map-of" are maps, "mapuche" is not.
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, words))})(?![^\W\d_])")


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(
        resources.files("factory.images.sources.commons").joinpath("photo_rules.toml").read_text("utf-8")
    )
