"""Runs of `pcult` in child processes that have imported everything before.

A new interpreter takes eight seconds of processor time to import torch and transformers, before a training of one
second, and two seconds for a build. The fork server of `multiprocessing` imports them once. A run is a fork of it: a
process in a session of its own, to be killed.
"""

import contextlib
import gc
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "pangea_cultural.training.loop.run",
        "factory.cli.build",
        "factory.cli.withdraw",
        "factory.pipeline",
        "factory.audit.audit",
        "factory.refine.stage",
        "factory.relevance.stage",
        "factory.images.download",
        "tests.helpers.interrupted_writes",
    ]
)
_FORK = multiprocessing.get_context("fork")
STOPPED = 128 + signal.SIGTERM
"""Exit code of a training that has saved itself. The others do so at the same time."""
SECONDS = 60
"""Longest wait for a file of a run."""
PCULT = """
import sys
from pangea_cultural.cli import main
main(sys.argv[1:])
"""


class Finished(NamedTuple):
    """A run that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Run:
    """A run of `pcult` that has started.

    Args:
        arguments: arguments of `pcult`.
        folder: gets the output as files.
        processes: number of processes that train together, as under `torchrun`.
        script: is run as by `python -c` and calls `pcult`; it changes what a test needs changed.
    """

    def __init__(self, arguments: list[str], folder: Path, *, processes: int = 1, script: str = PCULT) -> None:
        self._output = (folder / "stdout.txt", folder / "stderr.txt")
        self._process = _SERVER.Process(target=_run, args=(arguments, processes, script, *self._output))
        self._process.start()

    def is_running(self) -> bool:
        """Return whether the run has not ended."""
        return self._process.is_alive()

    def kill_when(self, path: Path) -> bool:
        """Kill the run with its children as soon as a file exists. Return whether it was killed."""
        return self.kill_once(path.exists)

    def kill_once(self, has_come: Callable[[], bool]) -> bool:
        """Kill the run with its children as soon as a moment has come. Return whether it was killed."""
        while (running := self._process.is_alive()) and not has_come():
            time.sleep(0.002)
        if running:
            self.kill()
        self._process.join()
        return running

    def kill_after(self, seconds: float) -> bool:
        """Kill the run with its children after some time. Return whether it was killed."""
        self._process.join(seconds)
        return self.kill_once(lambda: True)

    def wait_for(self, path: Path, *, has_content: bool = False) -> None:
        """Wait until a file exists, or has content, which the run makes before its end."""
        until = time.monotonic() + SECONDS
        while not path.exists() or (has_content and not path.stat().st_size):
            assert self._process.is_alive() and time.monotonic() < until, f"{path.name} is not there"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the run with its children."""
        # Its session begins a moment after its start.
        while self._process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
                break

    def signal_last_process(self, sign: signal.Signals) -> None:
        """Send a signal to the last of several processes that train together."""
        psutil.Process(self._process.pid).children()[-1].send_signal(sign)

    def finish(self) -> Finished:
        """Wait for the end."""
        self._process.join()
        return Finished(self._process.exitcode, *(file.read_text() for file in self._output))


def finish(arguments: list[str], folder: Path, *, script: str = PCULT) -> Finished:
    """Run `pcult` to its end."""
    return Run(arguments, folder, script=script).finish()


def _run(arguments: list[str], processes: int, script: str, *output: Path) -> None:
    """Run `pcult` in a session of its own, with its output in two files."""
    # No collection of garbage visits what was imported, which would also copy its memory.
    gc.freeze()
    os.setsid()
    for descriptor, file in zip((1, 2), output, strict=True):
        with file.open("wb") as opened:
            os.dup2(opened.fileno(), descriptor)
    if processes == 1:
        _execute(arguments, script, {})
    else:
        sys.exit(_together(arguments, processes, script))


def _execute(arguments: list[str], script: str, environment: dict[str, str]) -> None:
    os.environ |= environment
    sys.argv = ["-c", *arguments]
    exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})


def _together(arguments: list[str], processes: int, script: str) -> int:
    """Run processes with the environment variables of `torchrun`. Return the exit code of one that failed, or 0."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = []
    for rank in range(processes):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        ranks.append(_FORK.Process(target=_execute, args=(arguments, script, shared | own)))
        ranks[-1].start()
    while running := [process.sentinel for process in ranks if process.is_alive()]:
        multiprocessing.connection.wait(running)
        if any(process.exitcode not in (None, 0, STOPPED) for process in ranks):
            for process in ranks:
                process.kill()
    return next((process.exitcode for process in ranks if process.exitcode), 0)
