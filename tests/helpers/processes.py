"""What becomes of processes whose parent was killed."""

import time

import psutil

PATIENCE_SECONDS = 10


def runs(process):
    """Whether a process works still; one that nobody has waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def outliving(processes):
    """Those that work still after a while; they are killed."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while any(map(runs, processes)) and time.monotonic() < patience:
        time.sleep(0.02)
    left = [process for process in processes if runs(process)]
    for process in left:
        process.kill()
    return left
