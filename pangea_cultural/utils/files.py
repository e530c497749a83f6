"""Atomic writes of files and folders, JSON and hashes."""

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
    """Return the umask of the process. Reading it sets it for a moment, so call this before threads create files."""
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
    apply_umask(temporary)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def apply_umask(path: Path) -> None:
    """Give a file the rights of any new file. mkstemp and safetensors create files that only their owner can read."""
    path.chmod(0o666 & ~_UMASK)


def free_bytes(path: Path) -> int:
    """Return the free bytes of the disk of a path, which may not exist yet."""
    return shutil.disk_usage(next(place for place in (path, *path.parents) if place.exists())).free


def leftover_temporaries(path: Path) -> list[Path]:
    """Return the temporary files that an interrupted write of `path` left behind."""
    temporary = re.compile(re.escape(f".{path.name}.") + RANDOM_SUFFIX)
    return [other for other in path.parent.iterdir() if temporary.fullmatch(other.name)]


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; move it to `path` when the block succeeds, remove it when it fails.

    No other process may write to `path` at the same time. Leftovers of an interrupted write are removed.

    A folder cannot be renamed over another one, so the old folder is renamed first. Between the two renames, `path`
    does not exist. After a kill there, call `restore_folder` before reading `path`. `atomic_folder` calls it as well.
    """
    partial = path.with_name(f".{path.name}.partial")
    restore_folder(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        # Keep a file or a link: the rename over it fails.
        if path.is_dir() and not path.is_symlink():
            path.rename(_replaced(path))
        partial.rename(path)
    finally:
        restore_folder(path)
        shutil.rmtree(partial, ignore_errors=True)


def restore_folder(path: Path) -> None:
    """Finish an interrupted `atomic_folder`: restore the old folder, or remove it if the new one is in place."""
    old = _replaced(path)
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        old.rename(path)


def _replaced(path: Path) -> Path:
    """Return the temporary path of a folder that is being replaced."""
    return path.with_name(f".{path.name}.replaced")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def link_or_copy(source: str | Path, target: str | Path) -> bool:
    """Link a file, or copy it with its time where links are not possible. A symbolic link stays one.

    Returns:
        Whether it was linked.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
        return False
    return True


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk: a crash of the machine then does not lose them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until a folder with everything in it is on the disk."""
    for parent, _, names in os.walk(folder):
        for path in (*(Path(parent, name) for name in names), Path(parent)):
            sync(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as indented JSON. Keys are sorted, so that equal values give equal bytes."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    write_bytes(path, orjson.dumps(value, option=options, default=str))


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return orjson.loads(path.read_bytes())


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
