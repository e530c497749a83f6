"""The peak memory of a process tree, and the time that it takes to measure it."""

import subprocess
import sys
import time

import psutil

from pangea_cultural.cli import memory_meter
from pangea_cultural.cli.memory_meter import PeakMemory

BYTES = 150_000_000


def test_memory_of_a_child_counts():
    before = memory_meter.tree_bytes(psutil.Process())
    command = [sys.executable, "-c", f"import time; held = b'x' * {BYTES}; time.sleep(60)"]
    with PeakMemory() as memory, subprocess.Popen(command) as child:
        deadline = time.monotonic() + 60
        while memory.peak_bytes < before + BYTES and time.monotonic() < deadline:
            time.sleep(0.05)
        child.kill()
    assert before + BYTES < memory.peak_bytes < before + 2 * BYTES


def test_sampling_takes_a_small_share_of_the_time(monkeypatch):
    """Reading the memory of large processes takes 0.1 seconds and more."""
    samples = []

    def slow(_):
        samples.append(time.thread_time())
        while time.thread_time() < samples[-1] + 0.1:
            pass
        return len(samples)

    monkeypatch.setattr(memory_meter, "MIN_INTERVAL_S", 0.01)
    monkeypatch.setattr(memory_meter, "tree_bytes", slow)
    with PeakMemory() as memory:
        time.sleep(2)
    assert len(samples) == memory.peak_bytes == 1
