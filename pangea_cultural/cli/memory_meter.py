"""The peak memory of this process and its children."""

import threading
import time

import psutil

MIN_INTERVAL_S = 0.5
MAX_LOAD = 0.02
"""Maximum share of time that is spent on sampling: the kernel walks through all pages of a process for it."""


class PeakMemory:
    """A sampler of the memory of the process tree; `peak_bytes` is the largest sum.

    On Linux, it is the proportional set size, which counts pages that processes share once. On other systems, it is
    the resident set size, which counts them several times.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        interval_s = MIN_INTERVAL_S
        while not self._stop.wait(interval_s):
            began = time.thread_time()
            self.peak_bytes = max(self.peak_bytes, tree_bytes(psutil.Process()))
            interval_s = max(MIN_INTERVAL_S, (time.thread_time() - began) / MAX_LOAD)


def tree_bytes(root: psutil.Process) -> int:
    """Return the current memory of a process and all its descendants."""
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
        except psutil.Error:
            continue  # The process has ended since it was listed.
        total += getattr(memory, "pss", memory.rss)
    return total
