"""Resume checks and the run lock."""

import contextlib
import itertools
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pangea_cultural.config import Config
from pangea_cultural.errors import UserError
from pangea_cultural.training.loop.checkpoints import COMPLETE
from pangea_cultural.training.recipe import Checkpoint, Recipe
from pangea_cultural.utils.files import read_json, write_bytes, write_json

FILE = "run.json"
"""Fingerprint of the run, in its work folder."""
RUN_ID = "run-id"
"""Id of the run for experiment trackers, in its work folder."""
FORMAT = 1
"""Raise it when a change of the code changes the result of a run, or the files of an unfinished one."""
MOST_LISTED = 3
"""Most differences in a message."""
LONGEST_SHOWN = 80
"""Most characters of a value in a message: a hash fits, the content of a size or an instruction does not."""
LOCK_TIMEOUT_S = 15
"""Seconds to wait for the lock: a killed process frees gigabytes of memory before its lock."""
MAY_CHANGE: Any = {
    **dict.fromkeys(("num_workers", "report_to", "max_broken_image_ratio", "context_parallel_size"), True),
    **dict.fromkeys(("push_to_hub", "hub_model_id", "hub_private_repo", "hub_strategy"), True),
    "model": {"torch_compile"},
    "stages": {"__all__": {"memory": True, "checkpoint": {"save_steps", "save_total_limit", "logging_steps"}}},
}
"""Keys of a recipe that may change on resume: they affect memory, time and output. Another micro-batch size and
compilation change only the rounding of sums."""

UNCOMPARED = Checkpoint().model_dump(mode="json", exclude=MAY_CHANGE["stages"]["__all__"]["checkpoint"])
"""Settings of a stage that compares no validations, as in earlier versions."""


def run_fingerprint(
    recipe: Recipe,
    *,
    data: dict[str, str],
    base_model: dict[str, str],
    deepspeed: dict[str, Any] | None,
    world_size: int,
    shares_images: bool,
) -> dict[str, Any]:
    """Return everything that decides the result of a run, as JSON values.

    Args:
        recipe: the recipe.
        data: key of the content of each source, by name.
        base_model: content hash of each base checkpoint, by name.
        deepspeed: content of the DeepSpeed configuration.
        world_size: number of processes.
        shares_images: whether sources may ask about the same images, which earlier versions trained apart.
    """
    content = recipe.model_dump(mode="json", exclude=MAY_CHANGE)
    # Runs of earlier versions have no such keys.
    _drop_defaults(content["model"], recipe.model, "load_in_4bit", "bnb_4bit_use_double_quant")
    for stage, saved in zip(recipe.stages, content["stages"], strict=True):
        _drop_defaults(saved["batch"], stage.batch, "image_multiple")
        _drop_defaults(saved["optimizer"], stage.optimizer, "optim", "optim_offload", "weight_dtype")
        if saved["checkpoint"] == UNCOMPARED:
            del saved["checkpoint"]
    return {
        "format": FORMAT,
        "processes": world_size,
        "recipe": content,
        "data": data,
        "base_model": base_model,
        "deepspeed": deepspeed,
        **({"shares_images": True} if shares_images else {}),
    }


def _drop_defaults(content: dict[str, Any], settings: Config, *keys: str) -> None:
    """Remove keys from the content of a table of the recipe if they have their defaults."""
    for key in keys:
        if getattr(settings, key) == type(settings).model_fields[key].default:
            del content[key]


@contextlib.contextmanager
def run_lock(work: Path) -> Iterator[None]:
    """Hold the lock of a work folder. The operating system releases it if the process is killed.

    Raises:
        UserError: another process holds it.
    """
    work.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work.with_suffix(".lock"), timeout=LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise UserError(f"Another process is training into {work}. Wait until it ends, or stop it.") from error


def claim_work_folder(work: Path, fingerprint: dict[str, Any]) -> None:
    """Create a work folder for a run, or check that an interrupted run in it has the same fingerprint.

    Raises:
        UserError: an interrupted run with other settings has saved results in it; the message names the differences.
    """
    if not _has_results(work):
        # Measured images are removed with the rest: they may have been repaired since.
        if work.exists():
            shutil.rmtree(work)
        write_json(work / FILE, fingerprint)
        return
    changes = run_differences(read_json(work / FILE), fingerprint)
    if changes:
        raise UserError(
            f"An interrupted run of this name has different settings ({listed(changes)}). Rerun with the same "
            "settings to resume, or with --restart to discard it."
        )


def _has_results(work: Path) -> bool:
    """Return whether there is something to resume. A folder without a fingerprint is partly removed."""
    results = itertools.chain(work.glob(f"*/checkpoint-*/{COMPLETE}"), work.glob("*.safetensors"))
    return (work / FILE).is_file() and any(results)


def run_id(work: Path) -> str:
    """Return the id of the run in a work folder, 32 hexadecimal digits. A run keeps it when it is resumed."""
    path = work / RUN_ID
    if not path.is_file():
        write_bytes(path, uuid.uuid4().hex.encode())
    return path.read_text()


def discard(work: Path) -> None:
    """Remove a work folder. A partially removed folder is treated as abandoned."""
    (work / FILE).unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def is_in_progress(work: Path, fingerprint: dict[str, Any]) -> bool:
    """Return whether the run with this fingerprint is unfinished in a work folder."""
    return (work / FILE).is_file() and not run_differences(read_json(work / FILE), fingerprint)


def run_differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the differences between two fingerprints that change more than the rounding of sums.

    The questions of a step follow from the recipe, so the number of processes may change. It may not with DeepSpeed,
    whose checkpoints have a part for each process, nor with dropout, whose random numbers follow from the rows.
    """
    if not any(_needs_its_processes(fingerprint) for fingerprint in (before, now)):
        now = now | {"processes": before.get("processes")}
    return differences(*map(_with_defaults, (before, now)))


def _with_defaults(fingerprint: dict[str, Any]) -> dict[str, Any]:
    """Return a fingerprint whose stages all have settings of checkpoints, which it lacks if nothing is compared."""
    recipe = fingerprint.get("recipe", {})
    stages = [{"checkpoint": UNCOMPARED} | stage for stage in recipe.get("stages", [])]
    return fingerprint | {"recipe": recipe | {"stages": stages}} if stages else fingerprint


def _needs_its_processes(fingerprint: dict[str, Any]) -> bool:
    adapters = [stage.get("lora") or {} for stage in fingerprint.get("recipe", {}).get("stages", [])]
    return bool(fingerprint.get("deepspeed")) or any(lora.get("dropout") for lora in adapters)


def differences(before: Any, now: Any) -> list[str]:
    """Return the differences between two JSON values, one short text each. Items of lists are counted from 1."""
    return list(_differences(before, now, ""))


def _differences(before: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            yield f"{path} had {len(before)} entries, now has {len(now)}"
        for index, (old, new) in enumerate(zip(before, now, strict=False)):
            yield from _differences(old, new, f"{path}[{index + 1}]")
    elif before != now:
        shown = (_shown(before), _shown(now))
        fits = all(len(text) <= LONGEST_SHOWN and text.isprintable() for text in shown)
        yield f"{path} was {shown[0]}, now is {shown[1]}" if fits else f"{path} has changed"


def _shown(value: Any) -> str:
    """Return a value for a message; of a whole table or list only that it is there.

    Settings with their defaults may be absent.
    """
    if value is None:
        return "not set"
    return "set" if isinstance(value, dict | list) else str(value)


def listed(changes: list[str]) -> str:
    """Return the first differences for a message, and how many there are besides."""
    more = len(changes) - MOST_LISTED
    return "; ".join(changes[:MOST_LISTED]) + (f"; and {more} more" if more > 0 else "")
