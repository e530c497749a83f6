"""Texts of withdrawn rows in the cache of training, which keeps those of earlier exports."""

import shutil
from collections.abc import Collection

import orjson
from filelock import FileLock, Timeout

from pangea_cultural.dataset.export import MANIFEST
from pangea_cultural.training.data import corpus_writer
from pangea_cultural.utils.files import read_json
from pangea_cultural.workspace import Workspace

BUSY = "A training runs, so its cached texts were kept. Run the same command again when it has ended."


def remove(workspace: Workspace, kept: Collection[str]) -> str:
    """Remove the cached rows of exports that have withdrawn rows, or are not there any more.

    Args:
        workspace: the workspace.
        kept: SHA-256 of the manifests of exports whose rows may stay.

    Returns:
        Why something was kept; empty if nothing was.
    """
    found = []
    for path in workspace.training_cache.glob(f"*/{corpus_writer.MANIFEST}"):
        try:
            digest = read_json(path)["files"].get(MANIFEST)
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            digest = "unreadable"
        if digest is not None and digest not in kept:
            found.append(path)
    if found and _is_training(workspace):
        return BUSY
    for path in found:
        path.unlink()  # the manifest first: a folder without it is made again
        shutil.rmtree(path.parent, ignore_errors=True)
    return ""


def _is_training(workspace: Workspace) -> bool:
    """Return whether a training holds its lock."""
    for path in workspace.checkpoints.glob(".*.lock"):
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            return True
    return False
