"""Rules that decide which files can be photos. The table is photo_rules.toml."""

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from factory.images.base import ImageInfo
from pangea_cultural.errors import ImageError

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
            raise ImageError("no photo: SVG (a drawing; the recipe does not allow drawings)")
        if fetch_as == "photo" and info.original.mediatype not in ("", "BITMAP"):
            raise ImageError(f"no photo: {info.original.mediatype.lower()}")
        if in_category:
            _check_name(info.title)
        self._check_size(info, fetch_as, in_category)

    def _check_size(self, info: ImageInfo, fetch_as: FetchAs, in_category: bool) -> None:
        width, height = info.original.width, info.original.height
        if not width or not height:
            raise ImageError("no size given")
        longer, shorter = max(width, height), min(width, height)
        if fetch_as != "drawing" and shorter < self.min_side_px:
            raise ImageError(f"a side under {self.min_side_px} px", f"{width} × {height}")
        if in_category and longer > _table()["names"]["max_aspect"] * shorter:
            raise ImageError("no photo by its shape: banner", f"{width} × {height}")


def fetch_form(mime: str) -> FetchAs:
    """Return the form in which files of a MIME type are fetched.

    Raises:
        ImageError: files of this type are not photos.
    """
    table = _table()
    if mime in table["formats"]:
        return table["formats"][mime]
    refused = table["refused"]
    reason = refused.get(mime) or refused.get(f"{mime.partition('/')[0]}/") or f"no photo: {mime or 'unknown type'}"
    raise ImageError(reason)


def _check_name(title: str) -> None:
    stem = title.rpartition(".")[0] or title
    if match := _stop_words().search(stem.replace("_", " ").casefold()):
        raise ImageError(f"no photo by its name: {match[0]}")


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
