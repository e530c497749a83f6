"""How much memory this process and its children use together, at most."""

import threading

import psutil

INTERVAL_S = 0.5


class PeakMemory:
    """Watches the whole process tree; `peak_bytes` holds the largest sum seen.

    Counted is the proportional set size where the system tells it (Linux), so that pages which a server and its workers
    share are counted once; elsewhere the resident set size, which counts them several times.
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
        while not self._stop.wait(INTERVAL_S):
            self.peak_bytes = max(self.peak_bytes, tree_bytes(psutil.Process()))


def tree_bytes(root: psutil.Process) -> int:
    """Memory of a process and all its descendants at this moment."""
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
        except psutil.Error:
            continue  # it ended between the listing and the look
        total += getattr(memory, "pss", memory.rss)
    return total
