"""Rows of JSON files, one after the other, whatever their size; nothing in them is trusted."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import ijson
import orjson

from pangea_cultural.errors import UserError
from pangea_cultural.languages import language
from pangea_cultural.training.corpus import Rejections


def rows(path: Path, reject: Rejections) -> Iterator[dict[str, Any]]:
    """The objects of a .json array, of a .jsonl file, or of all .jsonl files of a folder.

    Raises:
        UserError: a .json file is no array.
    """
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        for number, row in enumerate(_lines(file) if file.suffix == ".jsonl" else _array(file)):
            if isinstance(row, dict):
                yield row
            else:
                reject("row is no JSON object", f"{file.name}:{number + 1}")


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as stream:
        for line in stream:
            if line.strip():
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError:
                    yield None


def _array(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as stream:
            yield from ijson.items(stream, "item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a whole JSON array: {str(error).splitlines()[0]}") from error


def code(tag: Any, default: str) -> str | None:
    """Our code of a language tag; None where it is not known."""
    if tag is None or tag == "":
        return default
    try:
        return language(str(tag)).code
    except UserError:
        return None


def inside(name: Any) -> str | None:
    """A picture's path, if it stays inside its folder."""
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    path = PurePosixPath(name)
    return None if path.is_absolute() or ".." in path.parts else str(path)
