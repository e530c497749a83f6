"""Names and sizes of remote files, checked before one is written."""

from pathlib import Path

from huggingface_hub.hf_api import RepoFile

from pangea_cultural.dataset.sources.fields import RowError, image
from pangea_cultural.errors import UserError
from pangea_cultural.utils.archives import LIMITS, MAX_NAME_BYTES, MAX_PART_BYTES
from pangea_cultural.utils.files import free_bytes

RESERVED = (".cache", ".git")
"""Folders that no data set has: the notes of the download, and settings that git would obey."""


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
