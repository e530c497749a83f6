"""Which files can be photos. The table is photos.toml."""

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from factory.images.base import ImageInfo
from pangea_cultural.errors import ImageError

Form = Literal["photo", "thumbnail", "drawing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the recipe says about photos."""

    min_side_px: int = 400
    """Of the shorter side of the original."""
    drawings: bool = False
    """Take SVG files, as PNG."""

    def check(self, info: ImageInfo, *, in_category: bool) -> None:
        """Check a file by what is known of it before it is fetched.

        Args:
            info: what Commons says of the file.
            in_category: it was found in a category, where nobody has chosen it.

        Raises:
            ImageError: it is no photo, or too small.
        """
        form = form_of(info.mime)
        if form == "drawing" and not self.drawings:
            raise ImageError("no photo: SVG (a drawing; the recipe does not allow drawings)")
        if form == "photo" and info.mediatype not in ("", "BITMAP"):
            raise ImageError(f"no photo: {info.mediatype.lower()}")
        if in_category:
            _check_name(info.title)
        self._check_size(info, form, in_category)

    def _check_size(self, info: ImageInfo, form: Form, in_category: bool) -> None:
        if not info.width or not info.height:
            raise ImageError("no size given")
        longer, shorter = max(info.width, info.height), min(info.width, info.height)
        if form != "drawing" and shorter < self.min_side_px:
            raise ImageError(f"a side under {self.min_side_px} px", f"{info.width} × {info.height}")
        if in_category and longer > _table()["names"]["max_aspect"] * shorter:
            raise ImageError("no photo by its shape: banner", f"{info.width} × {info.height}")


def form_of(mime: str) -> Form:
    """How to take a file.

    Raises:
        ImageError: files of this type are no photos.
    """
    table = _table()
    if mime in table["formats"]:
        return table["formats"][mime]
    refused = table["refused"]
    reason = refused.get(mime) or refused.get(f"{mime.partition('/')[0]}/") or f"no photo: {mime or 'unknown type'}"
    raise ImageError(reason)


def _check_name(title: str) -> None:
    stem = title.rpartition(".")[0] or title
    match = _stop_words().search(stem.replace("_", " ").casefold())
    if match:
        raise ImageError(f"no photo by its name: {match[0]}")


@functools.cache
def _stop_words() -> re.Pattern[str]:
    words = sorted(_table()["names"]["words"], key=len, reverse=True)
    # Letters only: "map2" and "map-of" are maps, "mapuche" is not.
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, words))})(?![^\W\d_])")


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(
        resources.files("factory.images.sources.commons").joinpath("photo_rules.toml").read_text("utf-8")
    )
