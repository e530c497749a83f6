"""Licences of pictures. The table is licences.toml; a new row is a new licence."""

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources

from factory.images.base import BadPictureError


@dataclass(frozen=True, kw_only=True, slots=True)
class Licence:
    """One row of the table."""

    pattern: str
    code: str = ""
    """Our name for it; empty for what is not free."""
    free: bool = True
    """Commercial use and changed copies are allowed."""
    attribution: bool = False
    share_alike: bool = False


def find(code: str, name: str = "") -> Licence:
    """The licence of a picture.

    Args:
        code: Commons' machine code ("cc-by-sa-4.0"), or any other name.
        name: the short name ("CC BY-SA 4.0"); looked at where the code says nothing, and to see whether the two agree
            that the licence is free.

    Raises:
        BadPictureError: it is not free, or not in the table.
    """
    told = [text for text in (code, name) if text.strip()]
    if not told:
        raise BadPictureError("no licence")
    found = [row for text in told if (row := _row(_slug(text)))]
    if not all(row.free for row in found):
        raise BadPictureError(f"non-free licence: {told[-1]}")
    if not found:
        raise BadPictureError(f"unknown licence: {told[-1]}")
    return found[0]


def code_of(name: str) -> str:
    """Our code of a free licence; empty for any other."""
    try:
        return find(name).code
    except BadPictureError:
        return ""


def _slug(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.strip().casefold())


@functools.cache
def _table() -> list[Licence]:
    text = resources.files("factory.images").joinpath("licenses.toml").read_text("utf-8")
    return [Licence(**row) for row in tomllib.loads(text)["licence"]]


@functools.lru_cache(maxsize=1024)
def _row(slug: str) -> Licence | None:
    for row in _table():
        match = re.fullmatch(row.pattern, slug)
        if match:
            code = row.code.format(**match.groupdict())
            return Licence(
                pattern=row.pattern,
                code=code,
                free=row.free,
                attribution=row.attribution,
                share_alike=row.share_alike,
            )
    return None
