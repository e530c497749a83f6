"""The files of own knowledge in a recipe, and their rows."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from factory.knowledge import csv_rows, parquet_rows
from factory.knowledge.columns import Cells, cell, places
from factory.knowledge.config import KnowledgeConfig
from factory.knowledge.errors import RowError
from pangea_cultural.dataset.titles import is_valid, normalized
from pangea_cultural.errors import UserError

SUFFIXES = (".csv", ".tsv", ".parquet")
"""Names of files in a folder that are read. Others, such as photos and a README, are ignored."""
TITLE = "Own/"
"""Start of the title of an own image. Titles of Commons have no slash."""

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f#<>\[\]|{}]")
"""Characters that no title has."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its place."""

    file: "File"
    line: int
    """Number of the row's first line in a CSV file, or of the row in a Parquet file, from 1."""
    cells: Cells | RowError
    """Texts by column, with the defaults of the recipe, or the reason why the row cannot be used."""

    @property
    def place(self) -> str:
        """Place in messages, such as `customs.csv:7`."""
        return f"{self.file.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class File:
    """One file of own knowledge."""

    name: str
    """Path below the common folder of all files, which is equal on all machines."""
    path: Path
    config: KnowledgeConfig

    def rows(self) -> Iterator[Row]:
        """Yield the rows after the header.

        Raises:
            UserError: the file cannot be read.
        """
        config = self.config
        defaults = {"type": config.entity_type}
        defaults |= {name: getattr(config, name) for name in ("region", "language", "author", "source", "license")}
        for line, texts in self._texts():
            if isinstance(texts, RowError):
                yield Row(self, line, texts)
                continue
            try:
                cells = {name: cell(text) for name, text in texts.items()}
            except RowError as error:
                yield Row(self, line, error)
                continue
            if any(cells.values()):
                yield Row(self, line, defaults | {name: text for name, text in cells.items() if text})

    def _texts(self) -> Iterator[tuple[int, dict[str, str] | RowError]]:
        if self.path.suffix.casefold() == ".parquet":
            yield from parquet_rows.read(self.path)
            return
        rows = csv_rows.read(self.path)
        _, header = next(rows)
        assert isinstance(header, list)
        columns = places(header, self.path)
        for line, fields in rows:
            if isinstance(fields, RowError):
                yield line, fields
            else:
                yield line, {name: fields[place] for name, place in columns.items()}


class Files:
    """All files of own knowledge in a recipe. Their rows about one entity belong together.

    Args:
        configs: the recipe's tables of own knowledge, with absolute paths.

    Raises:
        UserError: a folder has no such file.
    """

    def __init__(self, configs: Sequence[KnowledgeConfig]) -> None:
        found = [(path, config) for config in configs for path in paths(config.path)]
        self.root = Path(os.path.commonpath([path.parent for path, _ in found]))
        self.files = [File(path.relative_to(self.root).as_posix(), path, config) for path, config in found]

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all files, in the order of the recipe and of the files' names."""
        for file in self.files:
            yield from file.rows()

    def title(self, file: File, image: str) -> str:
        """Return the title of an image by its path as a row has it."""
        path = os.path.normpath(Path(file.name).parent / image.replace("\\", "/"))
        title = TITLE + unicodedata.normalize("NFC", path)
        if is_valid(normalized(title)):
            return title
        digits = hashlib.sha256(title.encode("utf-8", "replace")).hexdigest()[:8]
        return f"{_FORBIDDEN.sub('-', title)[:60]}~{digits}{Path(image).suffix[:10]}"


def paths(path: Path) -> list[Path]:
    """Return the files of a source: the file itself, or those in a folder, without subfolders.

    Raises:
        UserError: the folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.casefold() in SUFFIXES and file.is_file())
    if not found:
        raise UserError(f"No {' or '.join(SUFFIXES)} file in {path}. Check the source's path.")
    return found
