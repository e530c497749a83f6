"""Names, sizes and hashes of the files of a commit on the hub, compared with a local folder."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._paths import filter_repo_objects

from pangea_cultural.dataset.sources.fields import RowError, image
from pangea_cultural.errors import UserError
from pangea_cultural.utils.archives import LIMITS, MAX_NAME_BYTES, MAX_PART_BYTES
from pangea_cultural.utils.files import free_bytes, sha256_file

RESERVED = (".cache", ".git")
"""Folders that no data set has: the notes of the download, and settings that git would obey."""


def remote_files(hub: HfApi, repository: str, revision: str, include: Iterable[str] = ()) -> dict[str, RepoFile]:
    """Return the files of a commit by path.

    Args:
        hub: the client.
        repository: USER/NAME.
        revision: the commit.
        include: patterns of the files; empty for all.

    Raises:
        UserError: there are more than an archive may have.
    """
    tree = iter(hub.list_repo_tree(repository, repo_type="dataset", revision=revision, recursive=True))
    found = (entry for entry in islice(tree, LIMITS.files) if isinstance(entry, RepoFile))
    patterns = list(include) or None
    files = {entry.path: entry for entry in filter_repo_objects(found, allow_patterns=patterns, key=lambda e: e.path)}
    if next(tree, None) is not None:
        raise UserError(f"{repository} has more than {LIMITS.files:,} files. Do not use this data set.")
    return files


def require_safe(remote: dict[str, RepoFile], folder: Path) -> None:
    """Check the names and sizes of remote files before one is written.

    Args:
        remote: the files.
        folder: folder of the download, which can have some of them already.

    Raises:
        UserError: a name leaves the folder or is not one of a file, a file is too large, or there is not enough space.
    """
    for path, entry in remote.items():
        if not _is_safe(path):
            raise UserError(f"The hub names a file {path[:200]!r}. Do not use this data set.")
        if not 0 <= entry.size <= LIMITS.file_bytes:
            raise UserError(f"{path[:200]!r} has {entry.size:,} bytes. Do not use this data set.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    present = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    size, free = sum(entry.size for entry in remote.values()), free_bytes(folder.parent)
    if size > free + present:
        needed = f"The files have {size / 1e9:,.1f} GB, and {folder.parent} has {free / 1e9:,.1f} GB"
        raise UserError(f"{needed}. Name a part of them with --include.")


def _is_safe(path: str) -> bool:
    try:
        parts = image(path).split("/")
    except RowError:
        return False
    sizes = [len(part.encode()) for part in parts]
    return (
        "/".join(parts) == path
        and parts[0] not in RESERVED
        and max(sizes) <= MAX_PART_BYTES
        and sum(sizes) <= MAX_NAME_BYTES
    )


def differences(folder: Path, remote: dict[str, RepoFile]) -> Iterator[str]:
    """Yield the paths of remote files whose local file is missing or has another content."""
    for path, entry in sorted(remote.items()):
        file = folder / path
        if not file.is_file() or file.stat().st_size != entry.size or not _is_equal(file, entry):
            yield path


def _is_equal(file: Path, entry: RepoFile) -> bool:
    """Whether the hash is the hub's: SHA-256 of a large file, git's of a small one."""
    if entry.lfs is not None:
        return sha256_file(file) == entry.lfs.sha256
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == entry.blob_id
