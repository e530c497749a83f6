"""The environment of a run: package versions, commit, machine and memory."""

import contextlib
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pangea_cultural


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    installed = {}
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def commit() -> str | None:
    """Return `git describe` of this code, with `-dirty` if files differ from the commit; None outside a repository."""
    folder = Path(pangea_cultural.__file__).parent.parent
    if not (folder / ".git").exists() or not shutil.which("git"):
        return None
    result = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=folder, capture_output=True, text=True)
    return result.stdout.strip() or None


def machine() -> str:
    """Return processor, cores and Python version in one line."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def peak_memory_bytes() -> int:
    """Return the largest resident set size of this process so far."""
    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
