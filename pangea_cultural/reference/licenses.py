"""Licenses of images. The table is licenses.toml: a new row is a new license."""

import functools
import re
import tomllib
import unicodedata
from dataclasses import dataclass, replace
from importlib import resources

from pangea_cultural.errors import ImageError

NO_LICENSE = "no license"
NON_FREE = "non-free license"
UNKNOWN = "unknown license"
MAX_CHARACTERS = 200
"""Longer names are texts, not names of licenses."""
_BLANKS = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")


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


def find(*names: str) -> License:
    """Return the license of an image by its names, which must all be free and in the table.

    Args:
        names: Commons' machine code ("cc-by-sa-4.0"), a short name ("CC BY-SA 4.0") or an SPDX id, best first. Empty
            names do not count.

    Raises:
        ImageError: there is no name, or a license is not free or not in the table.
    """
    stated = [name for name in names if name.strip()]
    if not stated:
        raise ImageError(NO_LICENSE)
    rows = [_row(_slug(name)) for name in stated]
    # The last name is the most readable one, so it becomes the detail.
    non_free = [name for name, row in zip(stated, rows, strict=True) if row and not row.free]
    unknown = [name for name, row in zip(stated, rows, strict=True) if row is None]
    if non_free:
        raise ImageError(NON_FREE, non_free[-1][:MAX_CHARACTERS])
    if unknown:
        raise ImageError(UNKNOWN, unknown[-1][:MAX_CHARACTERS])
    return next(row for row in rows if row)


def is_code(text: str) -> bool:
    """Return whether a text is the code of a free license, as exports have it."""
    try:
        return find(text).code == text
    except ImageError:
        return False


def _slug(text: str) -> str:
    return _BLANKS.sub("-", unicodedata.normalize("NFKC", text).strip().casefold())


@functools.cache
def _table() -> list[License]:
    text = resources.files("pangea_cultural.reference").joinpath("licenses.toml").read_text("utf-8")
    rows = [License(**row) for row in tomllib.loads(text)["license"]]
    return [replace(row, pattern=row.pattern.replace("\\\n", "")) for row in rows]


@functools.lru_cache(maxsize=1024)
def _row(slug: str) -> License | None:
    if len(slug) > MAX_CHARACTERS:
        return None
    for row in _table():
        if match := re.fullmatch(row.pattern, slug):
            return replace(row, code=row.code.format(**match.groupdict()))
    return None
