"""SIGKILL for tests of resuming."""

import subprocess
import time

import psutil


def kill_when(command, path):
    """Start a command, and kill it with its children as soon as a file exists. Return whether it was killed."""
    child = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None and not path.exists():
        time.sleep(0.002)
    killed = child.poll() is None
    if killed:
        for process in [child, *child.children(recursive=True)]:
            process.kill()
    child.wait()
    return killed


def log_without_times(record):
    """Return the log entries of all stages without their times."""
    return [{k: v for k, v in e.items() if k != "seconds"} for stage in record["stages"] for e in stage["log"]]
