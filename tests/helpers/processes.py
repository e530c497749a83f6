"""Child processes whose parent was killed."""

import time

import psutil

EXIT_TIMEOUT_S = 60
"""Long, because the machine may be busy. The processes end in milliseconds."""


def is_running(process):
    """Return whether a process runs. A zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def still_running(processes):
    """Return the processes that still run after EXIT_TIMEOUT_S, and kill them."""
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    while any(map(is_running, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    running = [process for process in processes if is_running(process)]
    for process in running:
        process.kill()
    return running
