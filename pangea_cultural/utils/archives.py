"""Extraction of tar and zip archives that others made: nothing is written outside the folder.

Only regular files and folders are extracted. A link, a device, an absolute name, `..` or an encrypted file refuses the
whole archive, because no honest data set has them.
"""

import contextlib
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import atomic_folder

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
SUFFIXES = (*TAR_SUFFIXES, ".zip")
BLOCK = 1 << 20
MAX_NAME_BYTES, MAX_PART_BYTES = 4096, 255
"""Limits of most file systems, for a path and for one of its parts."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of an archive's content."""

    files: int = 5_000_000
    """Number of files."""
    file_bytes: int = 100_000_000_000
    """Size of one file."""
    ratio: float = 100
    """Size of all files, relative to the archive. Images and texts reach at most 20."""
    free_bytes: int = 1_000_000_000
    """Size that all files may have whatever the ratio: few texts compress well."""


LIMITS = Limits()


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    archive: Path
    name: str
    """Path relative to the archive, in normal form: neither absolute nor with `..`."""
    size: int
    """Size in bytes, which reading never exceeds."""
    stream: IO[bytes]

    def copy(self, file: IO[bytes]) -> None:
        """Write the content to a file. Call it before the next member is read.

        Raises:
            UserError: the content is broken.
        """
        left = self.size
        with _one_line(self.archive):
            while left and (block := self.stream.read(min(BLOCK, left))):
                file.write(block)
                left -= len(block)
            if left:
                raise EOFError(f"{self.name!r} is truncated")

    def read(self) -> bytes:
        """Return the content. Call it before the next member is read.

        Raises:
            UserError: the content is broken.
        """
        buffer = io.BytesIO()
        self.copy(buffer)
        return buffer.getvalue()


def extract(archive: Path, folder: Path, limits: Limits = LIMITS) -> int:
    """Extract all files into a new folder, which appears when it is complete. Return their number.

    Raises:
        UserError: the archive is broken, over a limit, or has a member that is not safe. The folder does not change.
    """
    count = 0
    with atomic_folder(folder) as partial:
        for member in members(archive, limits):
            path = partial / member.name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    member.copy(file)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise _unsafe(archive, member.name, "occurs twice") from error
            count += 1
    return count


def members(archive: Path, limits: Limits = LIMITS) -> Iterator[Member]:
    """Iterate over the files of an archive in its order, without extracting them.

    Raises:
        UserError: the archive is broken, over a limit, or has a member that is not safe.
    """
    budget = max(limits.free_bytes, limits.ratio * archive.stat().st_size)
    opened = _zip_members(archive) if archive.name.lower().endswith(".zip") else _tar_members(archive)
    with _one_line(archive):
        for number, member in enumerate(opened, 1):
            if number > limits.files:
                raise _too_large(archive, f"more than {limits.files:,} files")
            if member.size > limits.file_bytes:
                raise _too_large(archive, f"{member.name!r} has {member.size:,} bytes")
            budget -= member.size
            if budget < 0:
                raise _too_large(archive, f"its files have more than {limits.ratio:.0f} times its size")
            yield member


@contextlib.contextmanager
def _one_line(archive: Path) -> Iterator[None]:
    """Turn errors of the decoders into one line."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise UserError(f"{archive} is broken ({' '.join(str(error).split())}). Download it again.") from error
    except OSError as error:
        # The decoders of gzip and bzip2 raise it without a number, the system with one.
        if error.errno is not None:
            raise
        raise UserError(f"{archive} is broken ({error}). Download it again.") from error


def safe_name(archive: Path, name: str) -> str:
    """Return a member's name in normal form.

    Raises:
        UserError: the name is absolute, leaves the folder or is not a name of a file.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or "\\" in name or ".." in parts or (parts and parts[0].endswith(":")):
        raise _unsafe(archive, name, "leaves the folder")
    encoded = [os.fsencode(part) for part in parts]
    is_long = any(len(part) > MAX_PART_BYTES for part in encoded) or sum(map(len, encoded)) > MAX_NAME_BYTES
    if not parts or "\0" in name or is_long:
        raise _unsafe(archive, name, "is not the name of a file")
    return "/".join(parts)


def _tar_members(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r|*") as archive:
        for entry in archive:
            if entry.isdir():
                continue
            # Sparse files have holes of any size; a bomb of a few bytes can be one.
            if not entry.isreg() or entry.issparse():
                raise _unsafe(path, entry.name, "is a link or a device")
            content = archive.extractfile(entry)
            assert content is not None, "a regular file has content"
            yield Member(path, safe_name(path, entry.name), entry.size, content)


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            if entry.is_dir():
                continue
            if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
                raise _unsafe(path, entry.filename, "is a link or a device")
            if entry.flag_bits & 1:
                raise _unsafe(path, entry.filename, "is encrypted")
            with archive.open(entry) as content:
                yield Member(path, safe_name(path, entry.filename), entry.file_size, content)


def _unsafe(archive: Path, name: str, fault: str) -> UserError:
    return UserError(f"{archive}: {name[:200]!r} {fault}. Do not use this archive.")


def _too_large(archive: Path, fault: str) -> UserError:
    return UserError(f"{archive} is too large: {fault}. Do not use this archive.")
