"""Pools of worker processes that end when their parent process ends."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def pool(num_processes: int, initialize: Callable[..., None] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """Return a pool of spawned processes; each calls `initialize` with the arguments.

    A parent killed with SIGKILL cannot stop its workers. They would wait for work forever, because each of them keeps
    both ends of the queues open. A script that calls this function needs the usual `if __name__ == "__main__"`.
    """
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(
        num_processes, mp_context=spawn, initializer=_start_worker, initargs=(initialize, arguments)
    )


def _start_worker(initialize: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initialize is not None:
        initialize(*arguments)


def _end_with_parent() -> None:
    """Exit when the parent process ends. If it has already ended, its end of the pipe is closed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a pool's process has a parent"
    parent.join()
    os._exit(1)
