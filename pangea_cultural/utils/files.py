"""Files that appear whole or not at all."""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


def _umask() -> int:
    """The process's umask, which can only be read by setting it: not while other threads make files."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


_UMASK = _umask()

RANDOM_SUFFIX = "[a-z0-9_]{8}"
"""Pattern of the random end of a name that `tempfile` chooses."""


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` when the block succeeds, remove it when it fails.

    The temporary file lies in the same folder, because a rename is atomic only within one file system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    # mkstemp makes files that only the owner can read; what we publish should obey the umask as any other file does.
    temporary.chmod(0o666 & ~_UMASK)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def leftover_temporaries(path: Path) -> list[Path]:
    """Return the temporary files that an interrupted write of `path` left behind."""
    temporary = re.compile(re.escape(f".{path.name}.") + RANDOM_SUFFIX)
    return [other for other in path.parent.iterdir() if temporary.fullmatch(other.name)]


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; put it in its place when the block succeeds, remove it when it fails.

    Nobody else may write to `path` meanwhile. What a kill has left of an earlier try is removed.

    A folder cannot be renamed over another: the old one is put aside first, so whoever opens `path` between the two
    renames finds nothing there. A kill between them leaves it so until `restore_folder` or the next try; whoever needs
    the old folder for that try calls `restore_folder` before looking for it.
    """
    partial = path.with_name(f".{path.name}.partial")
    restore_folder(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        # A file or a link is not put aside: the rename over it fails, and it stays.
        if path.is_dir() and not path.is_symlink():
            path.rename(_old(path))
        partial.rename(path)
    finally:
        restore_folder(path)
        shutil.rmtree(partial, ignore_errors=True)


def restore_folder(path: Path) -> None:
    """Put back a folder that `atomic_folder` has put aside, or remove it where the new one is in its place."""
    old = _old(path)
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        old.rename(path)


def _old(path: Path) -> Path:
    """Where a folder lies while another takes its place."""
    return path.with_name(f".{path.name}.replaced")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as indented JSON with sorted keys, so that equal values are equal bytes."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    write_bytes(path, orjson.dumps(value, option=options, default=str))


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return orjson.loads(path.read_bytes())


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
