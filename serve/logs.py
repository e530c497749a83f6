"""Log files of vLLM: one for each start, of which the newest are kept."""

import os
import time
from pathlib import Path

MOST_LOGS = 20
"""Logs that are kept."""
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
        for other in (path, *folder.glob(f"{path.stem}{ACCESS}*")):
            other.unlink(missing_ok=True)
    return folder / f"vllm-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"


def access_log(log: Path) -> Path:
    """Return the path of the access log beside a log of vLLM."""
    return log.with_name(f"{log.stem}{ACCESS}")
