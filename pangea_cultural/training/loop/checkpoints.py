"""What a stage saves to go on after a stop: which checkpoints are whole, and what they hold."""

import shutil
from pathlib import Path

import torch

from pangea_cultural.errors import UserError

COMPLETE = "complete"
"""Empty file in a checkpoint folder, written last: a checkpoint without it was cut off by a kill."""
WEIGHTS = "weights.safetensors"
"""What learns, by the modules' own names."""
MEASURES = "measures.json"


def refuse_missing(checkpoint: Path, processes: int) -> None:
    """A checkpoint must have what each process needs.

    Raises:
        UserError: a process's file is not there.
    """
    names = ["rng_state.pth"] if processes == 1 else [f"rng_state_{rank}.pth" for rank in range(processes)]
    for name in names:
        if not (checkpoint / name).is_file():
            raise UserError(
                f"cannot go on from {checkpoint}: {name} is missing; delete the folder to go on from the one before"
            )


def complete(folder: Path) -> list[Path]:
    """The checkpoints of a stage that were saved to their end, oldest first."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return sorted(found, key=step_of)


def clear(folder: Path) -> None:
    """Remove checkpoints of a stage that were cut off by a kill, while they were saved or removed."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not (checkpoint / COMPLETE).is_file():
            shutil.rmtree(checkpoint)


def finish(checkpoint: Path, save_total: int) -> None:
    """Mark a checkpoint as whole; the oldest ones go, so that so many stay."""
    (checkpoint / COMPLETE).touch()
    for older in complete(checkpoint.parent)[:-save_total]:
        (older / COMPLETE).unlink()  # first: half of a checkpoint is none
        shutil.rmtree(older)


def step_of(checkpoint: Path) -> int:
    """After which a checkpoint was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def learnt(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters that learn, by name."""
    return {name: p.detach().contiguous() for name, p in model.named_parameters() if p.requires_grad}


def put(model: torch.nn.Module, saved: dict[str, torch.Tensor]) -> None:
    """Put saved parameters into a model, which holds them in their precision from then on.

    Raises:
        ValueError: the model has no parameter of such a name.
    """
    own = dict(model.named_parameters())
    if saved.keys() - own.keys():
        raise ValueError(f"the model has no parameters {sorted(saved.keys() - own.keys())[:3]}")
    with torch.no_grad():
        for name, value in saved.items():
            own[name].data = own[name].data.to(value.dtype)
            own[name].copy_(value)
