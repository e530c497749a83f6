"""Fast decompression of dumps in constant memory.

.gz   isal's igzip in its own thread, more than twice as fast as zlib
.bz2  all cores: `lbzip2` if it is installed, else indexed_bzip2 (Python's bz2 uses one core)
.zst  libzstd through the module of Python 3.14; other modules silently accept truncated files
"""

import contextlib
import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from backports import zstd

from pangea_cultural.errors import UserError

BUFFER_BYTES = 1 << 20


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class PlainText(NamedTuple):
    """Plain text of a dump, with the progress in its file."""

    stream: IO[bytes]
    bytes_read: Callable[[], int]
    """Gives the position in the compressed file. Decompressors read ahead of the text."""


@contextlib.contextmanager
def plain_text(path: Path) -> Iterator[PlainText]:
    """Open the plain text of a dump.

    Raises:
        UserError: the file cannot be opened, or its compressed stream is broken or truncated.
    """
    try:
        with path.open("rb", buffering=0) as file, _OPENERS.get(path.suffix, _plain)(file) as text:
            yield text
    except (OSError, EOFError, RuntimeError, zstd.ZstdError) as error:  # indexed_bzip2 raises RuntimeError
        if isinstance(error, OSError) and error.filename:
            raise UserError(f"Cannot read the dump {path}: {error.strerror}. Check the path.") from error
        raise UserError(f"The dump {path} is broken or truncated ({error}). Download it again, then rerun.") from error


@contextlib.contextmanager
def _plain(file: FileIO) -> Iterator[PlainText]:
    yield PlainText(_buffered(file), file.tell)


@contextlib.contextmanager
def _gzip(file: FileIO) -> Iterator[PlainText]:
    from isal import igzip_threaded

    with igzip_threaded.open(file, "rb", threads=1) as stream:
        yield PlainText(_buffered(stream), file.tell)


@contextlib.contextmanager
def _zstandard(file: FileIO) -> Iterator[PlainText]:
    with zstd.open(file, "rb") as stream:
        yield PlainText(_buffered(stream), file.tell)


@contextlib.contextmanager
def _bzip2(file: FileIO) -> Iterator[PlainText]:
    program = shutil.which("lbzip2")
    if program:
        with _child([program, "-dc", "-n", str(num_cores())], file) as stream:
            # The program shares the file descriptor, so the file's position moves with it.
            yield PlainText(stream, file.tell)
        return
    import indexed_bzip2

    size = os.fstat(file.fileno()).st_size
    with indexed_bzip2.open(str(file.name), parallelization=num_cores()) as stream:
        # The position is in bits, and zero in the last block.
        yield PlainText(_buffered(stream), lambda: stream.tell_compressed() // 8 or (size if stream.tell() else 0))


@contextlib.contextmanager
def _child(command: list[str], file: FileIO) -> Iterator[IO[bytes]]:
    """Open the output of a program that reads a file.

    Raises:
        EOFError: the program failed. It is raised after the last byte was read.
    """
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=file, stdout=pipe, stderr=pipe, bufsize=BUFFER_BYTES, pipesize=BUFFER_BYTES
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        yield process.stdout
        if process.stdout.read(1) == b"" and process.wait() != 0:
            raise EOFError(process.stderr.read().decode("utf-8", "replace").strip()[:200])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _buffered(stream: Any) -> IO[bytes]:
    return io.BufferedReader(stream, buffer_size=BUFFER_BYTES)


_OPENERS = {".gz": _gzip, ".bz2": _bzip2, ".zst": _zstandard}
