"""Fast decompression of dumps in constant memory. The compression is told by the content, not by the name.

gzip       isal's igzip in its own thread, more than twice as fast as zlib
bzip2      all cores: `lbzip2` if it is installed, else indexed_bzip2 (Python's bz2 uses one core)
Zstandard  libzstd through the module of Python 3.14; other modules silently accept truncated files
xz         Python's lzma
"""

import contextlib
import io
import lzma
import os
import shutil
import stat
import subprocess
import zlib
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import IO, Any, NamedTuple

from backports import zstd

from pangea_cultural.errors import UserError

BUFFER_BYTES = 1 << 20
GZIP, BZIP2, ZSTANDARD, XZ = "gzip", "bzip2", "Zstandard", "xz"
PLAIN = "plain"
SIGNATURES = {
    b"\x1f\x8b": GZIP,
    b"BZh": BZIP2,
    b"\x28\xb5\x2f\xfd": ZSTANDARD,
    b"\xfd7zXZ\x00": XZ,
}
"""Formats by the first bytes of a file."""
LONGEST_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 31}
"""Accepts all windows of Zstandard, up to 2 GiB: dumps are packed with `--long`."""
FOREIGN = {
    b"PK\x03\x04": "a ZIP archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PAR1": "Parquet",
    b"<": "HTML or XML",
    b"@prefix": "Turtle",
}
"""Contents that are not JSON, by their first bytes."""
_HEAD_BYTES = 512


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class PlainText(NamedTuple):
    """Plain text of a dump, with the progress in its file."""

    stream: io.BufferedReader
    bytes_read: Callable[[], int]
    """Gives the position in the compressed file. Decompressors read ahead of the text."""


BROKEN = (OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError, zstd.ZstdError)
"""Errors of decompressors. indexed_bzip2 raises RuntimeError."""


def compression(file: IO[bytes], path: Path) -> str:
    """Return the format of a file, told by its first bytes.

    Raises:
        UserError: the file is empty, no regular file, or of a format that is never a dump.
    """
    state = os.fstat(file.fileno())
    if not stat.S_ISREG(state.st_mode):
        raise UserError(f"The dump {path} is not a regular file. Write its content to a file first.")
    if state.st_size == 0:
        raise UserError(f"The dump {path} is empty. Download it again, then rerun.")
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    return next((name for signature, name in SIGNATURES.items() if head.startswith(signature)), PLAIN)


def check_json(head: bytes, path: Path) -> None:
    """Check that the beginning of a dump's text may be JSON.

    Raises:
        UserError: it is empty, or of another format, which would be read as millions of broken lines.
    """
    if not head:
        raise UserError(f"The dump {path} has no content. Download it again, then rerun.")
    name = next((name for start, name in FOREIGN.items() if head.lstrip().startswith(start)), "")
    if not name and b"\0" in head:
        name = "a tar archive" if head[257:262] == b"ustar" else "binary data"
    if name:
        raise UserError(f"The dump {path} is {name}, not JSON. Name a JSON dump, plain or as gzip, bzip2, zstd or xz.")


@contextlib.contextmanager
def plain_text(path: Path) -> Iterator[PlainText]:
    """Open the plain text of a dump.

    Raises:
        UserError: the file cannot be opened, is empty or not JSON, or its compressed stream is broken or truncated.
    """
    try:
        with path.open("rb", buffering=0) as file:
            with _OPENERS[compression(file, path)](file) as text:
                head = text.stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]
                if head:
                    check_json(head, path)
                    yield text
            # Now a program that decompresses has reported its error.
            check_json(head, path)
    except BROKEN as error:
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
    with zstd.open(file, "rb", options=LONGEST_WINDOW) as stream:
        yield PlainText(_buffered(stream), file.tell)


@contextlib.contextmanager
def _xz(file: FileIO) -> Iterator[PlainText]:
    with lzma.open(file, "rb") as stream:
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
def _child(command: list[str], file: FileIO) -> Iterator[io.BufferedReader]:
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
        assert isinstance(process.stdout, io.BufferedReader)
        yield process.stdout
        if process.stdout.read(1) == b"" and process.wait() != 0:
            raise EOFError(process.stderr.read().decode("utf-8", "replace").strip()[:200])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _buffered(stream: Any) -> io.BufferedReader:
    return io.BufferedReader(stream, buffer_size=BUFFER_BYTES)


_OPENERS = {PLAIN: _plain, GZIP: _gzip, BZIP2: _bzip2, ZSTANDARD: _zstandard, XZ: _xz}
