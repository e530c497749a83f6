"""Log files of vLLM: one for each start, of which the newest are kept."""

import contextlib
import os
import shutil
import time
from pathlib import Path

MOST_LOGS = 20
"""Logs that are kept."""
MAX_BYTES = 100_000_000
"""Size of a log, after which a new one begins. Some refused requests have 40 kB of warnings."""
OLD = ".1"
"""End of the name of the former log of a server."""
_NAMES = "vllm-*.log"
ACCESS = ".access.jsonl"
"""End of the name of an access log."""


def new_log(folder: Path) -> Path:
    """Return the path of a new log, and remove the oldest ones.

    Each start has its own file. Otherwise a second server would overwrite the log of one that still runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    old = sorted(folder.glob(_NAMES), key=lambda path: path.stat().st_mtime)
    for path in old[: max(0, len(old) - MOST_LOGS + 1)]:
        for other in (path, path.with_name(path.name + OLD), *folder.glob(f"{path.stem}{ACCESS}*")):
            other.unlink(missing_ok=True)
    return folder / f"vllm-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"


def bound(path: Path) -> None:
    """Copy a log that is full to a second file, and empty it. The server keeps writing to the same file.

    It must have opened the file to append. What it writes in between is lost.
    """
    # A full disk must not end the service.
    with contextlib.suppress(OSError):
        if path.stat().st_size > MAX_BYTES:
            shutil.copyfile(path, path.with_name(path.name + OLD))
            os.truncate(path, 0)


def access_log(log: Path) -> Path:
    """Return the path of the access log beside a log of vLLM."""
    return log.with_name(f"{log.stem}{ACCESS}")
