"""Checkpoints of an unfinished stage: completeness, contents, and removal of old ones."""

import shutil
from pathlib import Path

import torch

from pangea_cultural.errors import UserError

COMPLETE = "complete"
"""Empty file in a checkpoint folder, written last. A checkpoint without it was interrupted."""
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


def mark_complete(checkpoint: Path, save_total_limit: int) -> None:
    """Mark a checkpoint as complete, and remove the oldest ones beyond `save_total_limit`."""
    (checkpoint / COMPLETE).touch()
    for older in complete_checkpoints(checkpoint.parent)[:-save_total_limit]:
        (older / COMPLETE).unlink()  # first, so that a partly removed checkpoint is not taken for a complete one
        shutil.rmtree(older)


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
