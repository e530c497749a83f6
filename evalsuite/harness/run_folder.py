"""Folders of runs: one for each plan, locked while an evaluation writes to it. What is in them is never removed."""

import contextlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import leftover_temporaries, write_bytes

FINGERPRINT = "fingerprint"
"""File with the hash of everything that the answers in a folder depend on."""
LOCK = "run.lock"
MOST_CHARACTERS = 100
_UNSAFE = re.compile(r"[^\w.-]+")


def safe_name(text: str) -> str:
    """Return a text as the name of a folder. Names of models come from endpoints, and can be paths."""
    return _UNSAFE.sub("-", text).strip(".-")[-MOST_CHARACTERS:].strip(".-") or "model"


@contextlib.contextmanager
def opened(base: Path, plan: str, *, exact: bool) -> Iterator[Path]:
    """Yield the folder of a plan, locked: `base`, or `base-2` and so on if `base` has another plan.

    Args:
        base: the wanted folder.
        plan: hash of everything that the answers depend on.
        exact: refuse another folder than `base`.

    Raises:
        UserError: the folder has other files or another plan, or an evaluation writes to it.
    """
    for number in itertools.count(1):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        if exact:
            require_run_folder(folder)
        with contextlib.ExitStack() as stack:
            known = _plan(folder)
            if known in (None, plan) and (exact or is_run_folder(folder)):
                stack.enter_context(_locked(folder))
                # Another evaluation may have taken a new folder before it was locked.
                known = _plan(folder)
                if known is None:
                    write_bytes(folder / FINGERPRINT, plan.encode())
                if known in (None, plan):
                    yield folder
                    return
        if exact:
            raise UserError(
                f"{folder} has an evaluation of another model or with other settings. Choose another --out."
            )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise UserError(
            f"Another evaluation writes to {folder}. Wait until it ends, or choose another --out."
        ) from error


def _plan(folder: Path) -> str | None:
    path = folder / FINGERPRINT
    return path.read_text("utf-8", "replace") if path.is_file() else None


def is_run_folder(folder: Path) -> bool:
    """Return whether a folder is new, empty or that of a run."""
    # A run writes its fingerprint first. If it is killed there, only the lock and a temporary file exist.
    fingerprint = folder / FINGERPRINT
    if fingerprint.is_file() or not folder.is_dir():
        return True
    return not set(folder.iterdir()) - {folder / LOCK, *leftover_temporaries(fingerprint)}


def require_run_folder(folder: Path) -> None:
    """Accept a new folder, an empty one or the folder of a run, because an evaluation replaces files in it.

    Raises:
        UserError: the folder contains other files.
    """
    if not is_run_folder(folder):
        raise UserError(f"{folder} is not empty and is not an evaluation run. Choose another folder with --out.")
