"""Download of a data set from the hub, at a fixed commit."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from factory.exchange.hub.safety import require_safe
from pangea_cultural.dataset.manifest import DESCRIPTION, MANIFEST
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import atomic_folder, restore_folder
from pangea_cultural.utils.hub.access import one_line, open_hub
from pangea_cultural.utils.hub.files import differences, remote_files
from pangea_cultural.utils.hub.guard import LISTING_BYTES, Guard

CACHE = ".cache"
"""Notes of the download."""
COMMIT = re.compile("[0-9a-f]{40,64}")
SLACK = 1_000_000
"""Bytes that a response may have beyond the size of its file: compression and line ends."""
DESCRIPTIONS = (DESCRIPTION, MANIFEST, ".gitattributes")
"""Files of which a folder that may be replaced has one."""


class Pulled(NamedTuple):
    """A downloaded data set."""

    commit: str
    files: int


def pull(
    repository: str, folder: Path, *, revision: str | None, include: tuple[str, ...], overwrite: bool, quiet: bool
) -> Pulled:
    """Download a data set. Every file is compared with the hash of the hub.

    A file continues where a connection breaks. After an interruption, the same command resumes with the other files.

    Args:
        repository: USER/NAME.
        folder: the new folder, which appears when it is complete.
        revision: branch, tag or commit; by default the newest commit.
        include: patterns of the files to download; empty for all.
        overwrite: whether to replace an earlier data set at `folder`.
        quiet: whether to show no progress.

    Raises:
        UserError: there is no such data set, a file is damaged, or the folder exists.
    """
    _require_free(folder, overwrite)
    hub = open_hub(quiet=quiet)
    guard = Guard(hub.endpoint)
    with one_line(repository), guard.active():
        commit = hub.repo_info(repository, repo_type="dataset", revision=revision).sha or ""
        if not COMMIT.fullmatch(commit):
            raise ValueError(f"the commit of {repository} is {commit!r}")
        partial = folder.with_name(f".{folder.name}.{commit[:12]}")
        remote = remote_files(hub, repository, commit, include, repo_type="dataset")
        if not remote:
            raise UserError(f"{repository} has no files that match. Choose another --include.")
        require_safe(remote, partial)
        guard.max_bytes = max(LISTING_BYTES, *(entry.size + SLACK for entry in remote.values()))
        hub.snapshot_download(
            repository,
            repo_type="dataset",
            revision=commit,
            local_dir=partial,
            cache_dir=partial / CACHE,
            allow_patterns=list(include) or None,
        )
    shutil.rmtree(partial / CACHE)
    wrong = list(differences(partial, remote))
    if wrong:
        shutil.rmtree(partial)
        raise UserError(f"{repository}: {wrong[0]} is damaged ({len(wrong)} files). Pull it again.")
    with atomic_folder(folder) as new:
        new.rmdir()
        partial.rename(new)
    return Pulled(commit, len(remote))


def _require_free(folder: Path, overwrite: bool) -> None:
    restore_folder(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not any((folder / name).is_file() for name in DESCRIPTIONS):
        raise UserError(f"{folder} exists and is not a data set. Choose another folder.")
    if not overwrite:
        raise UserError(f"{folder} exists. Replace it with --overwrite, or choose another folder.")
