"""Rows of published data sets, from the Hugging Face hub or from a local folder with the same files."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.data import files
from evalsuite.data.schema import check_schema
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import sha256_file

IMAGE = "image"
"""Kind of a column with images, in any of the forms that `evalsuite/data/images.py` reads."""
_COMMIT = re.compile(r"(?:@|/snapshots/)([0-9a-f]{40})/")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set of the hub."""

    repo: str
    """Owner and name, which is also the path of its copy under a local folder."""
    revision: str | None = None
    """The commit to read. None if it is not known: the newest one is read, and the run records which it was."""
    url: str = ""
    """Address of the files, for a data set that is not on the hub."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split of one configuration of a data set."""

    name: str
    config: str = "default"
    files: tuple[str, ...] = ()
    """Paths of its files, for a data set that names no splits (`evalsuite/data/files.py`)."""
    member: str = ""
    """Name of the file with the rows, if the only file is an archive."""


class Rows:
    """The rows of a split. Text is read at once; images are read when they are asked for.

    Args:
        table: the split, a `datasets.Dataset` without decoded images.
        images: the columns with images.
        identity: what the rows are: the commit, or the hash of the files.
    """

    def __init__(self, table: Any, images: tuple[str, ...], identity: str) -> None:
        names = [name for name in images if name in table.column_names]
        self._texts = table.remove_columns(names)
        self._images = table.select_columns(names) if names else None
        self.identity = identity

    def texts(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows without their images."""
        yield from self._texts

    def images(self, index: int) -> dict[str, Any]:
        """Return the columns with images of one row, not decoded."""
        row: dict[str, Any] = {} if self._images is None else self._images[index]
        return row


class DataSets:
    """The data sets of a run. Each split is opened once, also if several benchmarks use it.

    Args:
        data: folder with copies of data sets, as OWNER/NAME; None to read from the hub.
    """

    def __init__(self, data: Path | None) -> None:
        self._data = data
        self._opened: dict[tuple[Source, Split], tuple[Any, str]] = {}

    def open(self, source: Source, split: Split, columns: Mapping[str, str]) -> Rows:
        """Open one split of a data set.

        Args:
            source: the data set.
            split: the split to read. Files of other splits are not downloaded.
            columns: kind of every column that is used; see `evalsuite/data/schema.py`.

        Raises:
            UserError: the data set is missing, gated, or has other columns.
        """
        where = source.repo if self._data is None else str(self._data / source.repo)
        key = (source, split)
        if key not in self._opened:
            self._opened[key] = self._read(source, split, where)
        table, identity = self._opened[key]
        check_schema(table.features.arrow_schema, columns, f"{split.config}/{split.name} of {where}")
        return Rows(table, tuple(name for name, kind in columns.items() if kind.startswith(IMAGE)), identity)

    def file(self, source: Source, path: str) -> Path:
        """Return a file of a data set, which is downloaded from the hub if there is no local copy.

        Raises:
            UserError: the file is missing, or the data set is gated.
        """
        if self._data is not None:
            found = self._data / source.repo / path
            if found.is_file():
                return found
            command = download_command(source, str(self._data / source.repo))
            raise UserError(f"No file {path} in {self._data / source.repo}. Download it with `{command}`.")
        import datasets
        import huggingface_hub

        try:
            if source.url:
                datasets.disable_progress_bars()
                return Path(datasets.DownloadManager().download(f"{source.url}/{path}"))
            return Path(
                huggingface_hub.hf_hub_download(source.repo, path, repo_type="dataset", revision=source.revision)
            )
        except Exception as error:
            raise _unavailable(source, Split(name=path), source.repo, error, local=False) from error

    def identity(self, source: Source, paths: Sequence[Path]) -> str:
        """Return the commit of files from the hub, or the hash of their content."""
        if self._data is None and source.url:
            return f"commit {source.revision}"
        return _identity([str(path) for path in paths])

    def _read(self, source: Source, split: Split, where: str) -> tuple[Any, str]:
        if not split.files:
            return _open(source, split, where, local=self._data is not None)
        paths = [self.file(source, path) for path in split.files]
        table = files.read(paths, split.files, split.member, f"{split.name} of {where}")
        return table, self.identity(source, paths)


def _open(source: Source, split: Split, where: str, *, local: bool) -> tuple[Any, str]:
    """Return the rows of a split as a `datasets.Dataset` without decoded images, and what they are."""
    if local:
        # A local copy needs nothing from the hub. The variable is read when `datasets` is imported.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    found, module = _files(source, split, where, local=local)
    try:
        table = datasets.load_dataset(module, data_files={split.name: found}, split=split.name)
    except Exception as error:
        if not local:
            raise _unavailable(source, split, where, error, local=local) from error
        fact = str(error.__cause__ or error).split("\n")[0][:200].rstrip(".")
        raise UserError(
            f"{split.config}/{split.name} of {where} has no readable rows ({fact}). "
            f"Download it again with `{download_command(source, where)}`."
        ) from error
    for name, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            table = table.cast_column(name, datasets.Image(decode=False))
        elif isinstance(feature, datasets.List) and isinstance(feature.feature, datasets.Image):
            table = table.cast_column(name, datasets.List(datasets.Image(decode=False)))
    return table, _identity(found)


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
    if source.url:
        return f"git clone https://github.com/{source.repo} {folder}"
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


def _identity(paths: list[str]) -> str:
    """Return the commit in the files' addresses, or the hash of the files' content."""
    commits = {match[1] for path in paths if (match := _COMMIT.search(path))}
    if commits:
        return f"commit {commits.pop()}"
    hashes = "".join(sha256_file(Path(path)) for path in paths)
    return f"sha256 {hashlib.sha256(hashes.encode()).hexdigest()}"
