"""The folder that a format fills, with the SHA-256 of every file."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 1 << 20
CACHED = 1 << 18
"""Bytes that stay in the processor's cache between hashing and writing: that takes two thirds of the time."""


@dataclass
class Target:
    """A new folder. Files are hashed while they are written."""

    folder: Path
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 by name relative to the folder."""

    left_out: dict[str, int] = field(default_factory=dict)
    """Number of questions that the format does not have, by reason."""

    def leave_out(self, reason: str, count: int) -> None:
        """Count questions that the format does not have."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator["HashingFile"]:
        """Yield a new file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            file = HashingFile(stream)
            yield file
        self.files[name] = file.digest

    def rename(self, old: str, new: str) -> None:
        """Rename a finished file."""
        (self.folder / old).rename(self.folder / new)
        self.files[new] = self.files.pop(old)

    def copy(self, source: Path, name: str) -> None:
        """Copy a file."""
        with source.open("rb") as stream, self.open(name) as file:
            while block := stream.read(BLOCK):
                file.write(block)

    def write(self, name: str, text: str) -> None:
        """Write a text file."""
        with self.open(name) as file:
            file.write(text.encode())


class HashingFile:
    """A file that is only written to. pyarrow, tarfile and gzip accept it as a file."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, content: Any) -> int:
        """Write bytes or a buffer."""
        view = memoryview(content).cast("B")
        for first in range(0, len(view), CACHED):
            part = view[first : first + CACHED]
            self._hash.update(part)
            self._stream.write(part)
        self._size += len(view)
        return len(view)

    @property
    def digest(self) -> str:
        """The hash of what was written, in hexadecimal."""
        return self._hash.hexdigest()

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self._size

    def flush(self) -> None:
        """Flush the file."""
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: `Target.open` closes the file."""

    def readable(self) -> bool:
        """Return False."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False."""
        return False
