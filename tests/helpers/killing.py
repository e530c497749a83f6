"""kill -9, for tests that what was killed goes on."""

import subprocess
import time

import psutil


def kill_when(command, path):
    """Start a training, and kill it with all its children as soon as a file is there. True if it was killed."""
    child = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None and not path.exists():
        time.sleep(0.002)
    killed = child.poll() is None
    if killed:
        for process in [child, *child.children(recursive=True)]:
            process.kill()
    child.wait()
    return killed


def told(record):
    """The log of all stages without its times."""
    return [{k: v for k, v in e.items() if k != "seconds"} for stage in record["stages"] for e in stage["log"]]
