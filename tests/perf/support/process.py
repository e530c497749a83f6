"""Peak memory of a command."""

import os
import subprocess
from typing import IO, Any

import click


def peak_gb(command: list[str], *, stdout: int | IO[Any] = subprocess.DEVNULL, stderr: IO[Any] | None = None) -> float:
    """Run a command and return its peak memory in GB.

    Raises:
        ClickException: the command failed.
    """
    process = subprocess.Popen(command, stdout=stdout, stderr=stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(" ".join(command))
    return usage.ru_maxrss * 1024 / 1e9
