"""Rows of published data sets, from the Hugging Face hub or from a local folder with the same files."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.data.schema import check_schema
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import sha256_file

IMAGE = "image"
"""Kind of a column with images, in any of the forms that `evalsuite/data/images.py` reads."""
_COMMIT = re.compile(r"@([0-9a-f]{40})/")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set of the hub."""

    repo: str
    """Owner and name, which is also the path of its copy under a local folder."""
    revision: str | None = None
    """The commit to read. None if it is not known: the newest one is read, and the run records which it was."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split of one configuration of a data set."""

    name: str
    config: str = "default"


class Rows:
    """The rows of a split. Text is read at once; images are read when they are asked for.

    Args:
        table: the split, a `datasets.Dataset` without decoded images.
        images: the columns with images.
        identity: what the rows are: the commit, or the hash of the files.
    """

    def __init__(self, table: Any, images: tuple[str, ...], identity: str) -> None:
        self._table = table
        self._images = [name for name in images if name in table.column_names]
        self.identity = identity

    def texts(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows without their images."""
        yield from self._table.remove_columns(self._images)

    def images(self, index: int) -> dict[str, Any]:
        """Return the columns with images of one row, not decoded."""
        row: dict[str, Any] = self._table.select_columns(self._images)[index] if self._images else {}
        return row


def open_rows(source: Source, split: Split, columns: Mapping[str, str], data: Path | None) -> Rows:
    """Open one split of a data set.

    Args:
        source: the data set.
        split: the split to read. Files of other splits are not downloaded.
        columns: kind of every column that is used; see `evalsuite/data/schema.py`.
        data: folder that holds a copy as OWNER/NAME; None to read from the hub.

    Raises:
        UserError: the data set is missing, gated, or has other columns.
    """
    if data is not None:
        # A local copy needs nothing from the hub. The variable is read when `datasets` is imported.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    where = source.repo if data is None else str(data / source.repo)
    files, module = _files(source, split, where, local=data is not None)
    table = datasets.load_dataset(module, data_files={split.name: files}, split=split.name)
    check_schema(table.features.arrow_schema, columns, f"{split.config}/{split.name} of {where}")
    for name, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            table = table.cast_column(name, datasets.Image(decode=False))
    images = tuple(name for name, kind in columns.items() if kind.startswith(IMAGE))
    return Rows(table, images, _identity(files))


def _files(source: Source, split: Split, where: str, *, local: bool) -> tuple[list[str], str]:
    """Return the files of a split, by path or address, and the name of the module that reads them."""
    import datasets

    if local and not Path(where).is_dir():
        raise UserError(f"No data at {where}. Download it with `{download_command(source, where)}`.")
    try:
        builder = datasets.load_dataset_builder(where, name=split.config, revision=None if local else source.revision)
        found: Mapping[str, list[str]] = builder.config.data_files or {}
    except Exception as error:
        raise _unavailable(source, split, where, error, local=local) from error
    if split.name not in found:
        known = ", ".join(map(str, found)) or "none"
        raise UserError(f"{where} has no split {split.name} (splits: {known}). Use the published files.")
    return [str(file) for file in found[split.name]], builder.name


def download_command(source: Source, folder: str) -> str:
    """Return the command that copies a data set into a folder."""
    revision = f" --revision {source.revision}" if source.revision else ""
    return f"hf download --repo-type dataset {source.repo}{revision} --local-dir {folder}"


def _unavailable(source: Source, split: Split, where: str, error: Exception, *, local: bool) -> UserError:
    text = str(error)
    fact = text.split("\n")[0][:200]
    if "gated" in text.lower():
        page = f"https://huggingface.co/datasets/{source.repo}"
        return UserError(f"{source.repo} is gated. Accept its terms at {page}, then log in with `hf auth login`.")
    if local:
        return UserError(
            f"{where} has no readable files of {split.config} ({fact}). Use the published files, README.md included."
        )
    return UserError(f"{source.repo} is not available ({fact}). Pass a folder that has a copy with --data DIR.")


def _identity(files: list[str]) -> str:
    """Return the commit in the files' addresses, or the hash of the files' content."""
    commits = {match[1] for file in files if (match := _COMMIT.search(file))}
    if commits:
        return f"commit {commits.pop()}"
    hashes = "".join(sha256_file(Path(file)) for file in files)
    return f"sha256 {hashlib.sha256(hashes.encode()).hexdigest()}"


Reader = Callable[[Source, Split, Mapping[str, str]], Rows]
