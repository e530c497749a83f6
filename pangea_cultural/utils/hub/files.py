"""Names, sizes and hashes of the files of a commit on the hub, compared with a local folder."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._paths import filter_repo_objects

from pangea_cultural.errors import UserError
from pangea_cultural.utils.archives import LIMITS
from pangea_cultural.utils.files import sha256_file


def remote_files(
    hub: HfApi, repository: str, revision: str, include: Iterable[str] = (), *, repo_type: str
) -> dict[str, RepoFile]:
    """Return the files of a commit by path.

    Args:
        hub: the client.
        repository: USER/NAME.
        revision: the commit.
        include: patterns of the files; empty for all.
        repo_type: `dataset` or `model`.

    Raises:
        UserError: there are more than an archive may have.
    """
    tree = iter(hub.list_repo_tree(repository, repo_type=repo_type, revision=revision, recursive=True))
    found = (entry for entry in islice(tree, LIMITS.files) if isinstance(entry, RepoFile))
    patterns = list(include) or None
    files = {entry.path: entry for entry in filter_repo_objects(found, allow_patterns=patterns, key=lambda e: e.path)}
    if next(tree, None) is not None:
        raise UserError(f"{repository} has more than {LIMITS.files:,} files. Do not use this {_noun(repo_type)}.")
    return files


def _noun(repo_type: str) -> str:
    return {"dataset": "data set"}.get(repo_type, repo_type)


def local_files(folder: Path) -> list[Path]:
    """Return the files of a folder, without hidden ones."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def require_own_files(folder: Path, noun: str) -> None:
    """Check that no file of a folder is a link to one elsewhere.

    Raises:
        UserError: one is; `noun` names the folder.
    """
    root = folder.resolve()
    if outside := next((path for path in local_files(folder) if not path.resolve().is_relative_to(root)), None):
        raise UserError(f"{outside} is a link to a file outside of the {noun}. Put the file there, or remove the link.")


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
