"""Images that are not in the rows: in another data set, found by their address, or in files, found by their path."""

import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from evalsuite.data.source import DataSets, Source, Split
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.utils.images import FILE_TOO_LARGE, MAX_BYTES, MISSING, UNREADABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SideImages:
    """Place of the images of a benchmark whose rows have addresses of images only."""

    source: Source
    split: Split
    key: str
    """Column of the rows with the address."""
    columns: Mapping[str, str]
    """Columns of images in the other data set, with the columns of their addresses. Some may be absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles:
    """Place of the images of a benchmark whose rows have paths of images only."""

    source: Source
    paths: Callable[[Mapping[str, Any]], Sequence[str]]
    """Paths of the images of a row, in the order of the prompt."""
    archive: str = ""
    """Path of the ZIP archive with the images; empty if they are files of the data set."""
    folders: tuple[str, ...] = ("",)
    """Folders that the paths are relative to, in the order in which they are tried."""


class Finder(Protocol):
    """Images of rows."""

    @property
    def identity(self) -> str:
        """The commit or the hash of the images."""

    def of(self, row: Mapping[str, Any]) -> Any:
        """Return the value of the column `image` of a row.

        Raises:
            ImageError: an image is absent or not readable.
        """


def open_finder(place: SideImages | ImageFiles, data_sets: DataSets) -> Finder:
    """Open the images of a benchmark.

    Raises:
        UserError: the data set is missing, gated, or not readable.
    """
    if isinstance(place, SideImages):
        return ImagesByAddress(place, data_sets)
    return ImagesInArchive(place, data_sets) if place.archive else ImagesInFiles(place, data_sets)


class ImagesByAddress:
    """Images of another data set by their address.

    Args:
        place: the data set and its columns.
        data_sets: the data sets that it is opened from.
    """

    def __init__(self, place: SideImages, data_sets: DataSets) -> None:
        kinds = dict.fromkeys(place.columns, "image?") | dict.fromkeys(place.columns.values(), "str?")
        self._rows = data_sets.open(place.source, place.split, kinds)
        self.key = place.key
        """Column of the rows with the address."""
        self._places = {
            address: (number, column)
            for number, row in enumerate(self._rows.texts())
            for column, name in place.columns.items()
            if (address := row.get(name))
        }

    @property
    def identity(self) -> str:
        """The commit or the hash of the data."""
        return self._rows.identity

    def of(self, row: Mapping[str, Any]) -> Any:
        """Return the image of a row, None if there is none."""
        return self.find(row[self.key])

    def find(self, address: str) -> Any:
        """Return the image of an address, None if there is none."""
        number, column = self._places.get(address, (None, ""))
        return None if number is None else self._rows.images(number).get(column)


class ImagesInArchive:
    """Images in a ZIP archive. Nothing is extracted; a name that leaves the archive finds nothing.

    Args:
        place: the archive and the paths of a row.
        data_sets: the data sets that it is opened from.
    """

    def __init__(self, place: ImageFiles, data_sets: DataSets) -> None:
        self._place = place
        file = data_sets.file(place.source, place.archive)
        try:
            self._archive = zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"{file} is not a ZIP archive ({error}). Use the published file.") from error
        self._members = {_normal(info.filename): info for info in self._archive.infolist()}
        self._lock = threading.Lock()
        self.identity = data_sets.identity(place.source, [file])
        """The commit or the hash of the archive."""

    def of(self, row: Mapping[str, Any]) -> list[bytes]:
        """Return the images of a row.

        Raises:
            ImageError: an image is absent, too large or not readable.
        """
        return [self._read(path) for path in self._place.paths(row)]

    def _read(self, path: str) -> bytes:
        names = [_normal(f"{folder}{path}") for folder in self._place.folders]
        found = next((self._members[name] for name in names if name in self._members), None)
        if found is None:
            raise ImageError(MISSING)
        if found.file_size > MAX_BYTES:
            raise ImageError(FILE_TOO_LARGE)
        try:
            # Threads share the file.
            with self._lock:
                return self._archive.read(found)
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise ImageError(UNREADABLE, str(error)) from error


class ImagesInFiles:
    """Images as files of the data set by themselves.

    Args:
        place: the paths of a row.
        data_sets: the data sets that they are read from.
    """

    def __init__(self, place: ImageFiles, data_sets: DataSets) -> None:
        self._place = place
        self._data_sets = data_sets

    @property
    def identity(self) -> str:
        """The name of the data set: the answers keep the hashes of the images."""
        return f"files of {self._place.source.repo}"

    def of(self, row: Mapping[str, Any]) -> list[bytes]:
        """Return the images of a row.

        Raises:
            ImageError: an image is absent or too large.
        """
        return [self._read(path) for path in self._place.paths(row)]

    def _read(self, path: str) -> bytes:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ImageError(MISSING)
        try:
            file = self._data_sets.file(self._place.source, path)
        except UserError as error:
            raise ImageError(MISSING, str(error)) from error
        if file.stat().st_size > MAX_BYTES:
            raise ImageError(FILE_TOO_LARGE)
        return file.read_bytes()


def _normal(name: str) -> str:
    """Return a name in an archive without `./`, with slashes."""
    return str(PurePosixPath(name.replace("\\", "/")))
