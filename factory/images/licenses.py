"""Licenses of images. The table is licenses.toml: a new row is a new license."""

import functools
import re
import tomllib
from dataclasses import dataclass, replace
from importlib import resources

from pangea_cultural.errors import ImageError

NO_LICENSE = "no license"


@dataclass(frozen=True, kw_only=True, slots=True)
class License:
    """One row of the table."""

    pattern: str
    code: str = ""
    """Name of the license in exports. Empty for licenses that are not free."""
    free: bool = True
    """Whether the license allows commercial use and modified copies."""
    attribution: bool = False
    share_alike: bool = False


def find(code: str, name: str = "") -> License:
    """Return the license of an image. Every name that the table has must be a free license.

    Args:
        code: Commons' machine code ("cc-by-sa-4.0"), or any other name. It comes before `name`.
        name: short name ("CC BY-SA 4.0").

    Raises:
        ImageError: the license is not free, or not in the table.
    """
    names = [text for text in (code, name) if text.strip()]
    if not names:
        raise ImageError(NO_LICENSE)
    rows = [row for text in names if (row := _row(_slug(text)))]
    if not all(row.free for row in rows):
        raise ImageError(f"non-free license: {names[-1]}")
    if not rows:
        raise ImageError(f"unknown license: {names[-1]}")
    return rows[0]


def code_of(name: str) -> str:
    """Return the code of a free license, or an empty string for any other."""
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
        if match := re.fullmatch(row.pattern, slug):
            return replace(row, code=row.code.format(**match.groupdict()))
    return None
