"""What readers check in the fields of a row: ids, texts, languages, paths of images."""

import functools
import os
from typing import Any

from pangea_cultural.reference.languages import languages


class RowError(Exception):
    """A row cannot be learnt from; the message is the reason that it is counted under."""


@functools.cache
def _codes() -> dict[str, str]:
    """Our code of every code and alias. `languages.language` would seek near matches, for each of a million rows."""
    return {name: row.code for row in languages().values() for name in (row.code, *row.aliases)}


def language_code(value: Any, default: str) -> str:
    """Our code of a row's language.

    Args:
        value: the row's field, a code or alias; None or empty where the row does not say.
        default: the language of rows that do not say; empty if each has to.

    Raises:
        RowError: the row does not say, or the language is not in the table.
    """
    if value in (None, ""):
        if not default:
            raise RowError("no language")
        return default
    code = _codes().get(value.lower()) if isinstance(value, str) else None
    if code is None:
        raise RowError("unknown language")
    return code


def text(value: Any) -> str:
    """A text without blanks around it.

    Raises:
        RowError: it is not a string, or not Unicode (half of a surrogate pair, which JSON can spell).
    """
    if not isinstance(value, str):
        raise RowError("a text that is not a string")
    if not _is_unicode(value):
        raise RowError("a text that is not Unicode")
    return value.strip()


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(name: str) -> str:
    r"""A file's name that can be written down: bytes of it that are not UTF-8 are spelt as in `\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def images(value: Any) -> tuple[str, ...]:
    """The images of a row.

    Args:
        value: a path, a list of paths, or None or empty for none.

    Raises:
        RowError: it is something else, or a path is not one inside the source's folder.
    """
    if value in (None, "", []):
        return ()
    return tuple(image(path) for path in (value if isinstance(value, list) else [value]))


def image(path: Any) -> str:
    """An image's path as we keep it, so that one image has one path.

    Raises:
        RowError: it is no path, or would lead out of the folder of images.
    """
    if not isinstance(path, str) or "\0" in path or not _is_unicode(path):
        raise RowError("an image path that is none")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts:
        raise RowError("image path outside the images folder")
    if not parts:
        raise RowError("an image path that is none")
    return "/".join(parts)


def identity(row: dict[str, Any], number: int) -> str:
    """What a row is called: its id, or its number in the file where it has none.

    Args:
        row: a row of a JSON file; published ids are strings and numbers.
        number: counted from 1.
    """
    value = row.get("id")
    known = isinstance(value, str | int | float) and value != "" and _is_unicode(str(value))
    return str(value) if known else f"row {number}"
