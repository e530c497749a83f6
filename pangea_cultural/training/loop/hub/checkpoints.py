"""Uploads of checkpoints beside the training."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pangea_cultural
from pangea_cultural.model.push import LAST_CHECKPOINT
from pangea_cultural.training.loop.checkpoints import best_of
from pangea_cultural.utils.child_process import tied_to_parent
from pangea_cultural.utils.files import link_or_copy

ALL_CHECKPOINTS = "checkpoints"
"""Folder on the hub with all checkpoints."""
NEEDED = re.compile(r"run\.json|run-id|overwrite|images-\d+\.(json|npy)|tokenizer|\d{1,3}-.*")
"""Names in a work folder that a resume needs. The others are caches with texts of the validation."""


def staged(work: Path) -> Path:
    """Return the folder of files that are on their way, beside the work folder of a run."""
    return work.with_suffix(".upload")


class CheckpointUploads:
    """Uploads of checkpoints, one at a time, each in a process of its own.

    A checkpoint is sent with its best one and with the other files that its training needs to resume elsewhere. The
    files are linked: the training removes old checkpoints meanwhile.

    Args:
        repository: USER/NAME.
        keeps_all: whether to send all checkpoints; otherwise each replaces the one before it.
        work: work folder of the run.
        note: prints a line.
    """

    def __init__(self, repository: str, *, keeps_all: bool, work: Path, note: Callable[[str], None]) -> None:
        self._repository = repository
        self._keeps_all = keeps_all
        self._work = work
        self._note = note
        self._staged = staged(work)
        self._errors = work.with_suffix(".upload-errors")
        self._running: tuple[subprocess.Popen[bytes], str] | None = None

    def start(self, checkpoint: Path) -> None:
        """Start to send a complete checkpoint, unless the one before is still on its way."""
        name = checkpoint.relative_to(self._work).as_posix()
        self._collect()
        if self._running:
            self._note(f"{name} is not pushed: {self._running[1]} is still on its way")
            return
        shutil.rmtree(self._staged, ignore_errors=True)
        self._stage(checkpoint)
        folder, delete = (ALL_CHECKPOINTS, "") if self._keeps_all else (LAST_CHECKPOINT, "*")
        command = [sys.executable, "-m", "pangea_cultural.utils.hub.process", str(self._staged), self._repository]
        with self._errors.open("wb") as errors:
            process = subprocess.Popen(
                tied_to_parent(*command, folder, f"Training in progress: {name}", delete),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | {"PYTHONPATH": _search_path()},
            )
        self._running = process, name

    def finish(self) -> None:
        """Wait for the last upload if all checkpoints are sent; otherwise the result replaces it."""
        if self._running and self._keeps_all:
            self._running[0].wait()
        self.stop()

    def stop(self) -> None:
        """End a running upload."""
        self._collect()
        if self._running:
            self._running[0].terminate()
            self._running[0].wait()
            self._running = None
        shutil.rmtree(self._staged, ignore_errors=True)
        self._errors.unlink(missing_ok=True)

    def _collect(self) -> None:
        """Take note of an upload that has ended."""
        if not self._running or self._running[0].poll() is None:
            return
        process, name = self._running
        if process.returncode:
            lines = self._errors.read_text(errors="replace").strip().splitlines()
            self._note(f"{name} was not pushed ({lines[-1] if lines else process.returncode}). The training continues.")
        else:
            self._note(f"{name}: pushed to {self._repository}")
        self._running = None

    def _stage(self, checkpoint: Path) -> None:
        """Link the files of a checkpoint, of its best one and of earlier stages, and copy those that still change."""
        sent = {checkpoint, best_of(checkpoint)}
        for path in sorted(self._work.rglob("*")):
            name = path.relative_to(self._work)
            is_hidden = any(part.startswith(".") for part in name.parts)
            if not path.is_file() or is_hidden or not NEEDED.fullmatch(name.parts[0]):
                continue
            saved = next((parent for parent in path.parents if parent.name.startswith("checkpoint-")), None)
            if saved and saved not in sent:
                continue
            target = self._staged / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if saved or path.suffix == ".safetensors":
                link_or_copy(path, target)
            else:
                shutil.copy2(path, target)


def _search_path() -> str:
    """Return the folders of packages for a process that imports this one."""
    own = str(Path(pangea_cultural.__file__).parents[1])
    return os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
