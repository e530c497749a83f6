"""Tar archives whose bytes depend on names and contents only."""

import tarfile
from typing import Any, Protocol

Content = bytes | memoryview


class Writable(Protocol):
    """A file that is only written to."""

    def write(self, content: Any, /) -> int:
        """Write bytes or a buffer."""


class Archive:
    """A new archive. Use it as a context manager.

    `tarfile` copies contents in small blocks, which takes twice the time.

    Args:
        file: what it is written to.
    """

    def __init__(self, file: Writable) -> None:
        self._file = file
        self._size = 0

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *exception: Any) -> None:
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self._size % tarfile.RECORDSIZE))

    def add(self, name: str, *parts: Content) -> None:
        """Add a file without time, owner or other mode than readable.

        Args:
            name: name in the archive.
            parts: content, joined.
        """
        member = tarfile.TarInfo(name)
        member.size, member.mode = sum(map(len, parts)), 0o644
        self._write(member.tobuf(tarfile.USTAR_FORMAT))
        for part in parts:
            self._write(part)
        self._write(bytes(-member.size % tarfile.BLOCKSIZE))

    def _write(self, content: Content) -> None:
        self._file.write(content)
        self._size += len(content)
