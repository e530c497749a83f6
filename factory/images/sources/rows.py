"""Rows of the lists of local images. Any row may be wrong; a wrong row is one rejection and does not end the build."""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import orjson

from pangea_cultural.errors import ImageError, UserError

BAD_ROW = "not a valid row of the list"
OUTSIDE = "file outside the list's folder"
TWICE = "named twice in the list"
UNREADABLE_FILE = "file cannot be read"
Row = dict[str, Any]
RowProblem = tuple[str, ImageError]
"""A row, as `list.jsonl:3`, and why it is not used."""


def read_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a JSON array or JSON Lines with their names, as `list.jsonl:3`. Broken lines are `ImageError`s.

    Raises:
        UserError: nothing in the file is JSON.
    """
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        rows = [_parsed(content)]
        rows = rows if isinstance(rows[0], ImageError) else rows[0]
        numbered = list(enumerate(rows, 1))
    else:
        numbered = [(n, _parsed(line)) for n, line in enumerate(content.splitlines(), 1) if line.strip()]
    problems = [row for _, row in numbered if isinstance(row, ImageError)]
    if problems and len(problems) == len(numbered):
        raise UserError(f"{path} is neither JSON nor JSON Lines ({problems[0].detail}). Correct it.")
    for number, row in numbered:
        yield f"{path.name}:{number}", row


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return ImageError(BAD_ROW, str(error))


def checked(row: Any, keys: Collection[str], *, strict: bool = False) -> Row:
    """Return a row whose keys are right. A key that resembles a known one is misspelled, and its value would be lost.

    Args:
        row: a row from `read_rows`.
        keys: the known keys.
        strict: whether all unknown keys are wrong.

    Raises:
        ImageError: the row is not an object or has a wrong key.
    """
    if isinstance(row, ImageError):
        raise row
    if not isinstance(row, dict):
        raise ImageError(BAD_ROW, "no JSON object")
    for key in row.keys() - set(keys):
        near = difflib.get_close_matches(key.lower(), keys, n=1, cutoff=0.75)
        if near:
            raise ImageError(BAD_ROW, f"`{key}` is unknown; it may be `{near[0]}`")
        if strict:
            raise ImageError(BAD_ROW, f"`{key}` is unknown")
    return row


def text(row: Row, key: str, default: str = "") -> str:
    """Return the text of a key.

    Raises:
        ImageError: the value is not a text.
    """
    value = row.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or "\0" in value:
        raise ImageError(BAD_ROW, f"`{key}` is not a text")
    return value


def texts(row: Row, key: str) -> tuple[str, ...]:
    """Return the texts of a key.

    Raises:
        ImageError: the value is not a list of texts.
    """
    values = row.get(key)
    if values is None:
        return ()
    if not isinstance(values, list) or not all(isinstance(value, str) and "\0" not in value for value in values):
        raise ImageError(BAD_ROW, f"`{key}` is not a list of texts")
    return tuple(values)


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file that a row names.

    Raises:
        ImageError: it is outside the folder.
    """
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError(BAD_ROW, f"{name}: no path") from error
    if not path.is_relative_to(folder.resolve()):
        raise ImageError(OUTSIDE, name)
    return path


def is_file(path: Path) -> bool:
    """Return whether a path is a file that can be looked at."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_file(path: Path, max_bytes: int, too_large: str) -> bytes:
    """Return the content of a file.

    Raises:
        ImageError: it cannot be read, or has more than `max_bytes`, which has the reason `too_large`.
    """
    try:
        if not path.is_file():
            raise ImageError(UNREADABLE_FILE, f"{path.name}: no file")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise ImageError(UNREADABLE_FILE, f"{path.name}: {error.strerror}") from error
    if len(content) > max_bytes:
        raise ImageError(too_large, f"more than {max_bytes} bytes")
    return content
