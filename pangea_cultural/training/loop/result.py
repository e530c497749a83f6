"""The place of the finished checkpoint: whether it is done, and whether what is there may be replaced."""

import os
from pathlib import Path
from typing import Any

import orjson

from pangea_cultural.errors import UserError
from pangea_cultural.training.loop import resume
from pangea_cultural.utils.files import read_json, restore_folder

RECORD = "training.json"
"""Record of a training, in its checkpoint."""
OVERWRITE = "overwrite"
"""Empty file in a work folder: its run was started with --overwrite."""


def may_replace(work: Path, fingerprint: dict[str, Any], *, restart: bool, overwrite: bool) -> bool:
    """Return whether the user allowed to replace what is at the place: now, or when the run to resume was started."""
    resumes = not restart and resume.is_in_progress(work, fingerprint)
    return overwrite or (resumes and (work / OVERWRITE).is_file())


def is_finished(checkpoint: Path, work: Path, fingerprint: dict[str, Any], *, restart: bool, may_replace: bool) -> bool:
    """Return whether a checkpoint is finished, with the same settings.

    Raises:
        UserError: something else is at its place, and may not be replaced.
    """
    restore_folder(checkpoint)
    if not os.path.lexists(checkpoint):
        return False
    if checkpoint.is_symlink() or not checkpoint.is_dir():
        raise UserError(f"{checkpoint} is not a folder. Move it, or rename the recipe.")
    resumes = not restart and resume.is_in_progress(work, fingerprint)
    changes = _changes(checkpoint / RECORD, fingerprint)
    if changes == [] and not restart and not (resumes and may_replace):
        if resumes:
            resume.discard(work)  # a kill after the last write has left it
        return True
    if may_replace:
        return False
    if changes:
        raise UserError(
            f"{checkpoint} was trained with different settings ({resume.listed(changes)}). Rename the recipe or pass "
            "--overwrite."
        )
    raise UserError(f"{checkpoint} exists. Rename the recipe, or pass --overwrite to replace it.")


def _changes(record: Path, fingerprint: dict[str, Any]) -> list[str] | None:
    """Return the differences from a record's fingerprint; None if no training has written it."""
    try:
        content = read_json(record)
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    fields = content if isinstance(content, dict) else {}
    return resume.run_differences(fields.get("fingerprint", {}), fingerprint)
