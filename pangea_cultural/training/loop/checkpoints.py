"""Checkpoints of an unfinished stage: completeness, contents, and removal of old ones."""

import json
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import torch
from transformers.trainer import TRAINER_STATE_NAME

from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import sha256_file, sync, sync_tree, write_json

COMPLETE = "complete"
"""List of the files of a checkpoint with sizes and hashes, in its folder and written last. A checkpoint without it was
interrupted. Earlier versions wrote an empty file."""
WEIGHTS = "weights.safetensors"
"""File of the trainable parameters, by their names in the trained module."""
METRICS = "metrics.json"
"""File of the training metrics."""


def require_rank_files(checkpoint: Path, world_size: int) -> None:
    """Check that a checkpoint has the random state of every process.

    Raises:
        UserError: a file is missing.
    """
    names = ["rng_state.pth"] if world_size == 1 else [f"rng_state_{rank}.pth" for rank in range(world_size)]
    for name in names:
        if not (checkpoint / name).is_file():
            raise UserError(f"{name} is missing in {checkpoint}. Delete the folder to resume from an older checkpoint.")


def complete_checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints in the folder of a stage, oldest first."""
    checkpoints = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return sorted(checkpoints, key=step_of)


def remove_incomplete(folder: Path) -> None:
    """Remove the checkpoints of a stage whose saving or removal was interrupted."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not (checkpoint / COMPLETE).is_file():
            shutil.rmtree(checkpoint)


def mark_complete(checkpoint: Path, save_total_limit: int, *, keeps_best: bool = False) -> None:
    """Mark a checkpoint as complete when it is on the disk, and remove the oldest ones beyond `save_total_limit`.

    With `keeps_best`, those stay that are the best one for a checkpoint that stays: a training can resume from each.
    """
    sync_tree(checkpoint)
    write_json(checkpoint / COMPLETE, _entries(checkpoint))
    for path in (checkpoint / COMPLETE, checkpoint, checkpoint.parent):
        sync(path)
    complete = complete_checkpoints(checkpoint.parent)
    best = {best_of(newer) for newer in complete[-save_total_limit:]} if keeps_best else set()
    for older in complete[:-save_total_limit]:
        if older not in best:
            _remove(older)


def best_of(checkpoint: Path) -> Path | None:
    """Return the checkpoint with the lowest validation loss up to a complete checkpoint; None before a validation."""
    # Python writes losses that are not finite as Infinity or NaN, which only its own reader accepts.
    step = json.loads((checkpoint / TRAINER_STATE_NAME).read_bytes())["best_global_step"]
    return checkpoint.with_name(f"checkpoint-{step}") if step else None


def _remove(checkpoint: Path) -> None:
    (checkpoint / COMPLETE).unlink()  # first, so that a partly removed checkpoint is not taken for a complete one
    shutil.rmtree(checkpoint)


def newest_intact(folder: Path, reporter: Reporter, *, needs_best: bool = False) -> Path | None:
    """Return the newest checkpoint of a stage whose files are as they were saved, and remove newer ones.

    With `needs_best`, the best checkpoint up to it is intact as well: no other one is taken in its place.

    Returns:
        The checkpoint; None if the stage has none yet.

    Raises:
        UserError: the stage has checkpoints, but all are damaged.
    """
    damaged: list[tuple[Path, str]] = []
    for checkpoint in reversed(complete_checkpoints(folder)):
        fault = damage(checkpoint) or (_damage_of_best(checkpoint) if needs_best else "")
        if not fault:
            for other, other_fault in damaged:
                reporter.note(f"{other.name} is damaged ({other_fault}): resuming from {checkpoint.name}")
                _remove(other)
            return checkpoint
        damaged.append((checkpoint, fault))
    for checkpoint, fault in damaged:
        raise UserError(f"{checkpoint} is damaged ({fault}). Restore the file, or rerun with --restart.")
    return None


def _damage_of_best(checkpoint: Path) -> str:
    best = best_of(checkpoint)
    fault = "" if best in (None, checkpoint) else damage(best)
    return f"its best checkpoint is {best.name}: {fault}" if best and fault else ""


def damage(checkpoint: Path) -> str:
    """Return what is wrong with the files of a checkpoint that was complete; empty if nothing is."""
    if not (checkpoint / COMPLETE).is_file():
        return f"{COMPLETE} is missing" if checkpoint.is_dir() else "its folder is missing"
    listed = (checkpoint / COMPLETE).read_bytes()
    try:
        expected = orjson.loads(listed) if listed else {}
    except orjson.JSONDecodeError:
        return f"{COMPLETE} is garbled"
    for name, entry in expected.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != entry["bytes"]:
            return f"{name} has {path.stat().st_size:,} of {entry['bytes']:,} bytes"
    found = _entries(checkpoint, expected)
    return next((f"{name} has changed" for name in expected if found[name] != expected[name]), "")


def _entries(checkpoint: Path, names: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return size and hash of files, by name; `names` are all files by default."""
    paths = [path for path in sorted(checkpoint.rglob("*")) if path.is_file() and path.name != COMPLETE]
    chosen = [path.relative_to(checkpoint).as_posix() for path in paths] if names is None else list(names)
    with ThreadPoolExecutor() as pool:  # hashing frees the interpreter's lock
        digests = pool.map(sha256_file, [checkpoint / name for name in chosen])
        return {
            name: {"bytes": (checkpoint / name).stat().st_size, "sha256": digest}
            for name, digest in zip(chosen, digests, strict=True)
        }


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def trainable_parameters(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the trainable parameters by name."""
    return {name: p.detach().contiguous() for name, p in module.named_parameters() if p.requires_grad}


def load_parameters(module: torch.nn.Module, saved: dict[str, torch.Tensor]) -> None:
    """Copy saved parameters into a module; they keep the dtype in which they were saved.

    Raises:
        ValueError: the module has no parameter of one of these names.
    """
    parameters = dict(module.named_parameters())
    if saved.keys() - parameters.keys():
        raise ValueError(f"The module has no parameters {sorted(saved.keys() - parameters.keys())[:3]}.")
    with torch.no_grad():
        for name, value in saved.items():
            parameters[name].data = parameters[name].data.to(value.dtype)
            parameters[name].copy_(value)
