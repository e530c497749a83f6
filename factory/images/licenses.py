"""Licenses of images. The table is licenses.toml; a new row is a new license."""

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources

from pangea_cultural.errors import ImageError


@dataclass(frozen=True, kw_only=True, slots=True)
class License:
    """One row of the table."""

    pattern: str
    code: str = ""
    """Our name for it; empty for what is not free."""
    free: bool = True
    """Commercial use and changed copies are allowed."""
    attribution: bool = False
    share_alike: bool = False


def find(code: str, name: str = "") -> License:
    """The license of an image.

    Args:
        code: Commons' machine code ("cc-by-sa-4.0"), or any other name.
        name: the short name ("CC BY-SA 4.0"); looked at where the code says nothing, and to see whether the two agree
            that the license is free.

    Raises:
        ImageError: it is not free, or not in the table.
    """
    told = [text for text in (code, name) if text.strip()]
    if not told:
        raise ImageError("no license")
    found = [row for text in told if (row := _row(_slug(text)))]
    if not all(row.free for row in found):
        raise ImageError(f"non-free license: {told[-1]}")
    if not found:
        raise ImageError(f"unknown license: {told[-1]}")
    return found[0]


def code_of(name: str) -> str:
    """Our code of a free license; empty for any other."""
    try:
        return find(name).code
    except ImageError:
        return ""


def _slug(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.strip().casefold())


@functools.cache
def _table() -> list[License]:
    text = resources.files("factory.images").joinpath("licenses.toml").read_text("utf-8")
    return [License(**row) for row in tomllib.loads(text)["license"]]


@functools.lru_cache(maxsize=1024)
def _row(slug: str) -> License | None:
    for row in _table():
        match = re.fullmatch(row.pattern, slug)
        if match:
            code = row.code.format(**match.groupdict())
            return License(
                pattern=row.pattern,
                code=code,
                free=row.free,
                attribution=row.attribution,
                share_alike=row.share_alike,
            )
    return None
