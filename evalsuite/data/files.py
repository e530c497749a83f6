"""Rows in files that the library `datasets` does not find by itself: TSV, JSON, and JSON Lines in a ZIP archive."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from pangea_cultural.errors import UserError

MAX_JSON_BYTES = 500_000_000
"""Limit for a file with JSON, which is read at once."""


def read(files: Sequence[Path], names: Sequence[str], member: str, where: str) -> Any:
    """Return the rows of files as a `datasets.Dataset`.

    Rows of JSON have the columns `file`, a name, and `place`, their number in the file from 0.

    Args:
        files: the files; several only of JSON.
        names: their paths in the data set.
        member: name of the JSON Lines file, if the file is a ZIP archive.
        where: name of the data, for errors.

    Raises:
        UserError: a file is not readable, or its rows have several layouts.
    """
    import datasets

    if files[0].suffix == ".tsv":
        return _tsv(files[0], where)
    try:
        if member:
            rows = [orjson.loads(line) for line in _member(files[0], member).splitlines() if line.strip()]
        else:
            rows = [row for file, name in zip(files, names, strict=True) for row in _json(file, name)]
        return datasets.Dataset.from_list(rows)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        # The errors of Arrow and orjson are ValueErrors.
        fact = str(error).split("\n")[0][:200]
        raise UserError(f"The rows of {where} are not readable ({fact}). Use the published files.") from error


def _tsv(file: Path, where: str) -> Any:
    """Return the rows of a TSV file, with texts in all columns. `datasets` keeps them on disk."""
    import datasets

    with file.open(encoding="utf-8") as stream:
        names = stream.readline().rstrip("\r\n").split("\t")
    features = datasets.Features(dict.fromkeys(names, datasets.Value("string")))
    options: dict[str, Any] = {"sep": "\t", "features": features, "keep_default_na": False}
    try:
        return datasets.load_dataset("csv", data_files=str(file), split="train", **options)
    except datasets.exceptions.DatasetGenerationError as error:
        fact = str(error.__cause__ or error).split("\n")[0][:200]
        raise UserError(f"The rows of {where} are not readable ({fact}). Use the published files.") from error


def _member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        # The folder of a release can have any name.
        found = [info for info in opened.infolist() if info.filename.rpartition("/")[2] == name]
        if len(found) != 1:
            raise ValueError(f"{len(found)} files of the name {name}")
        if found[0].file_size > MAX_JSON_BYTES:
            raise ValueError(f"{name} has {found[0].file_size:,} bytes")
        return opened.read(found[0])


def _json(file: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a JSON file: a list of objects, or one object."""
    if file.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{file.name} has {file.stat().st_size:,} bytes")
    content = orjson.loads(file.read_bytes())
    rows = content if isinstance(content, list) else [content]
    return [{**row, "file": name, "place": place} for place, row in enumerate(rows)]
