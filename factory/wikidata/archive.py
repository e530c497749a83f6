"""Dumps are compressed: their plain text as fast as the machine can give it, in constant memory.

.gz   isal's igzip, in a thread of its own: more than twice as fast as zlib
.bz2  on all cores: `lbzip2` where it is installed, else indexed_bzip2 (Python's bz2 knows one core only)
.zst  libzstd, through the module that Python 3.14 has (others read a cut-off file to its end, and say nothing)
"""

import contextlib
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from backports import zstd

from pangea_cultural.errors import UserError

BUFFER_BYTES = 1 << 20


def num_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def plain_text(path: Path) -> Iterator[IO[bytes]]:
    """A dump's plain text.

    Raises:
        UserError: the file cannot be opened, or its compressed stream is broken or cut off.
    """
    try:
        with _OPENERS.get(path.suffix, _plain)(path) as stream:
            yield stream
    except (OSError, EOFError, RuntimeError, zstd.ZstdError) as error:  # RuntimeError is indexed_bzip2's
        if isinstance(error, OSError) and error.filename:
            raise UserError(f"cannot read the dump {path}: {error.strerror}") from error
        raise UserError(f"the dump {path} is broken or cut off ({error}): fetch it again, then rerun") from error


@contextlib.contextmanager
def _plain(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb", buffering=BUFFER_BYTES) as stream:
        yield stream


@contextlib.contextmanager
def _gzip(path: Path) -> Iterator[IO[bytes]]:
    from isal import igzip_threaded

    with igzip_threaded.open(path, "rb", threads=1) as stream:
        yield _buffered(stream)


@contextlib.contextmanager
def _zstandard(path: Path) -> Iterator[IO[bytes]]:
    with zstd.open(path, "rb") as stream:
        yield _buffered(stream)


@contextlib.contextmanager
def _bzip2(path: Path) -> Iterator[IO[bytes]]:
    program = shutil.which("lbzip2")
    if program:
        with _child([program, "-dc", "-n", str(num_cores()), str(path)], path) as stream:
            yield stream
        return
    import indexed_bzip2

    with indexed_bzip2.open(str(path), parallelization=num_cores()) as stream:
        yield _buffered(stream)


@contextlib.contextmanager
def _child(command: list[str], path: Path) -> Iterator[IO[bytes]]:
    """What a program prints; an error of its own is raised after its last byte has been read."""
    with path.open("rb"):  # a file that cannot be read is our message, not the program's
        pass
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=BUFFER_BYTES, pipesize=BUFFER_BYTES
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
