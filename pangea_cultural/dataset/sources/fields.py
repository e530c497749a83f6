"""Validation of the fields of a row: ids, texts, languages and image paths."""

import functools
import os
import re
import unicodedata
from typing import Any

from pangea_cultural.dataset.sources import reasons
from pangea_cultural.reference.languages import languages

CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
DRIVE = re.compile("[A-Za-z]:")
MAX_TAG_LENGTH = 40
"""Characters of an unknown language tag to show. Most tags of BCP 47 are shorter."""
INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Zs")
"""Unicode categories of invisible characters: controls, formats such as a space without width, separators."""


class RowError(Exception):
    """An unusable row. The message is the reason (`reasons.py`) that it is counted under.

    Args:
        reason: the reason.
        detail: fact about this row, which examples of rejected rows show.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self._detail = detail

    def example(self, id: str) -> str:
        """Return the id of the row, with the detail."""
        return f"{id}: {self._detail}" if self._detail else id


@functools.cache
def _codes_by_name() -> dict[str, str]:
    """Return the code of every code and alias. `languages.language` searches near matches, too slow per row."""
    return {name.lower(): row.code for row in languages().values() for name in (row.code, *row.aliases)}


def language_code(value: Any, default: str) -> str:
    """Return the code of a row's language.

    Args:
        value: field of the row, a code or alias, also with a region or script such as `pt-BR`; None or empty if the
            row has none.
        default: language of rows without one; empty if every row needs one.

    Raises:
        RowError: the row has no language, or an unknown one.
    """
    if value in (None, ""):
        if not default:
            raise RowError(reasons.NO_LANGUAGE)
        return default
    codes, tag = _codes_by_name(), value.lower().replace("_", "-") if isinstance(value, str) else ""
    while tag:
        if tag in codes:
            return codes[tag]
        tag = tag.rpartition("-")[0]
    is_shown = isinstance(value, str) and _is_unicode(value) and not has_controls(value)
    raise RowError(reasons.UNKNOWN_LANGUAGE, value[:MAX_TAG_LENGTH] if is_shown else "")


def text(value: Any) -> str:
    """Return a text without surrounding whitespace.

    Raises:
        RowError: the value is not a string, not Unicode (an unpaired surrogate, which JSON can contain), or has a
            control character other than tab and line breaks: the text is then damaged, not only its format.
    """
    if not isinstance(value, str):
        raise RowError(reasons.TEXT_NOT_A_STRING)
    if not _is_unicode(value):
        raise RowError(reasons.TEXT_NOT_UNICODE)
    if has_controls(value):
        raise RowError(reasons.TEXT_WITH_CONTROLS)
    return value.strip()


def has_controls(value: str) -> bool:
    """Return whether a text has a control character other than tab and line breaks, or a noncharacter."""
    return CONTROLS.search(value) is not None


def is_blank(value: str) -> bool:
    """Return whether a text has no visible character."""
    return all(unicodedata.category(character) in INVISIBLE for character in value)


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(name: str) -> str:
    r"""Return a file name that can be printed: bytes that are not UTF-8 become `\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def images(value: Any) -> tuple[str, ...]:
    """Return the image paths of a row.

    Args:
        value: a path, a list of paths, or None or empty for none.

    Raises:
        RowError: the value is something else, or a path is invalid or leaves the source's folder.
    """
    if value in (None, "", []):
        return ()
    return tuple(image(path) for path in (value if isinstance(value, list) else [value]))


def image(path: Any) -> str:
    """Return an image path in normal form, so that each image has one path.

    Raises:
        RowError: the path is invalid, or leaves the image folder.
    """
    if not isinstance(path, str) or not _is_unicode(path) or has_controls(path) or "\n" in path:
        raise RowError(reasons.INVALID_IMAGE_PATH)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    # Commons allows neither backslashes nor colons in a file's name, so no honest path looks like one of Windows.
    if path.startswith("/") or ".." in parts or "\\" in path or DRIVE.match(path):
        raise RowError(reasons.IMAGE_PATH_OUTSIDE_FOLDER)
    if not parts:
        raise RowError(reasons.INVALID_IMAGE_PATH)
    return "/".join(parts)


def row_id(row: dict[str, Any], number: int) -> str:
    """Return the id of a row, or "row NUMBER" if it has none.

    Args:
        row: row of a JSON file; published ids are strings and numbers.
        number: number of the row in the file, from 1.
    """
    value = row.get("id")
    is_valid = isinstance(value, str | int | float) and value != "" and _is_unicode(str(value))
    return str(value) if is_valid and not has_controls(str(value)) else f"row {number}"
