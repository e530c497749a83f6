"""Trainings in child processes that have imported torch and transformers before.

A new interpreter takes eight seconds of processor time for these imports, before a training of one second. The fork
server of `multiprocessing` imports them once. A run is a fork of it: a process in a session of its own, to be killed.
"""

import gc
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NamedTuple

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["pangea_cultural.training.loop.run"])
_FORK = multiprocessing.get_context("fork")


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
    """

    def __init__(self, arguments: list[str], folder: Path, *, processes: int = 1) -> None:
        self._output = (folder / "stdout.txt", folder / "stderr.txt")
        self._process = _SERVER.Process(target=_run, args=(arguments, processes, *self._output))
        self._process.start()

    def kill_when(self, path: Path) -> bool:
        """Kill the run with its children as soon as a file exists. Return whether it was killed."""
        while self._process.is_alive() and not path.exists():
            time.sleep(0.002)
        killed = self._process.is_alive()
        if killed:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()
        return killed

    def finish(self) -> Finished:
        """Wait for the end."""
        self._process.join()
        return Finished(self._process.exitcode, *(file.read_text() for file in self._output))


def _run(arguments: list[str], processes: int, *output: Path) -> None:
    """Run `pcult` in a session of its own, with its output in two files."""
    # No collection of garbage visits what was imported, which would also copy its memory.
    gc.freeze()
    os.setsid()
    for descriptor, file in zip((1, 2), output, strict=True):
        with file.open("wb") as opened:
            os.dup2(opened.fileno(), descriptor)
    if processes == 1:
        _pcult(arguments, {})
    else:
        sys.exit(_together(arguments, processes))


def _pcult(arguments: list[str], environment: dict[str, str]) -> None:
    from pangea_cultural.cli import main

    os.environ |= environment
    main(arguments)


def _together(arguments: list[str], processes: int) -> int:
    """Run processes with the environment variables of `torchrun`. Return 0, or 1 if one of them failed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = []
    for rank in range(processes):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        ranks.append(_FORK.Process(target=_pcult, args=(arguments, shared | own)))
        ranks[-1].start()
    while running := [process.sentinel for process in ranks if process.is_alive()]:
        multiprocessing.connection.wait(running)
        if any(process.exitcode for process in ranks):
            for process in ranks:
                process.kill()
    return int(any(process.exitcode for process in ranks))
