"""What a training was begun with: stopped, it goes on only with the same, and never twice at once."""

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pangea_cultural import __version__
from pangea_cultural.errors import UserError
from pangea_cultural.training.loop.checkpoints import COMPLETE
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.files import read_json, write_json

FILE = "begun.json"
PATIENCE_S = 15
"""A process that was killed gives back gigabytes of memory first, and its lock then."""
MAY_CHANGE: Any = {
    **dict.fromkeys(("num_workers", "report_to", "max_broken_image_ratio"), True),
    "stages": {"__all__": {"memory", "checkpoint"}},
}
"""Keys of a recipe that may change on resume: they decide memory, time and output. Another micro-batch size changes the
rounding of sums, and nothing else."""


def terms(
    recipe: Recipe, *, data: dict[str, str], start: dict[str, str], deepspeed: dict[str, Any] | None, processes: int
) -> dict[str, Any]:
    """What must be the same for a training to go on, and for its result to be the same.

    Args:
        recipe: of the training.
        data: key of the content of each source.
        start: content of each checkpoint that it starts from, by its name in the recipe.
        deepspeed: the user's configuration.
        processes: how many train together.
    """
    return {
        "version": __version__,
        "processes": processes,
        "recipe": recipe.model_dump(mode="json", exclude=MAY_CHANGE),
        "data": data,
        "start": start,
        "deepspeed": deepspeed,
    }


@contextlib.contextmanager
def alone(work: Path) -> Iterator[None]:
    """Keep others from the work folder; a process that is killed lets go of it.

    Raises:
        UserError: another process has it.
    """
    work.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work.with_suffix(".lock"), timeout=PATIENCE_S):
            yield
    except Timeout as error:
        raise UserError(f"another process is training into {work}: wait until it is done, or stop it") from error


def hold(work: Path, terms: dict[str, Any]) -> None:
    """Note in the work folder what is begun; what was begun there before, and has been saved, must be the same.

    Raises:
        UserError: another training was stopped here; the message says what differs.
    """
    if not _has_learnt(work):
        # What was found out about images goes, too: they may be mended now.
        if work.exists():
            shutil.rmtree(work)
        write_json(work / FILE, terms)
        return
    found = differences(read_json(work / FILE), terms)
    if found:
        raise UserError(
            f"a training of this name was stopped that differs: {'; '.join(found[:3])}. Call it with the same "
            "settings to go on, or with --restart to throw it away"
        )


def _has_learnt(work: Path) -> bool:
    """Whether there is anything to go on from. Without the file nobody knows whose it is: what a killed `discard` has
    left must not be taken for this training's.
    """
    saved = itertools.chain(work.glob(f"*/checkpoint-*/{COMPLETE}"), work.glob("*.safetensors"))
    return (work / FILE).is_file() and any(saved)


def discard(work: Path) -> None:
    """Remove a work folder; what is left if that is killed is nobody's."""
    (work / FILE).unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def is_under_way(work: Path, terms: dict[str, Any]) -> bool:
    """Whether this training was begun in a work folder and not finished."""
    return (work / FILE).is_file() and read_json(work / FILE) == terms


def differences(before: Any, now: Any) -> list[str]:
    """What differs, a short text each."""
    return list(_differences(before, now, ""))


def _differences(before: Any, now: Any, where: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{where}.{key}" if where else key)
    elif isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            yield f"{where} had {len(before)} entries, now has {len(now)}"
        for number, (old, new) in enumerate(zip(before, now, strict=False)):
            yield from _differences(old, new, f"{where}[{number}]")
    elif before != now:
        yield f"{where} was {before}, now is {now}"
