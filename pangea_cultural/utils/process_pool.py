"""Pools of worker processes that end with the process that has started them."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def pool(num_processes: int, begin: Callable[..., None] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """A pool of spawned processes; `begin` is called in each of them with the arguments.

    A build killed with SIGKILL can stop nothing any more, and its workers would wait for work for ever: no queue is
    closed, because each of them holds both ends. A script that calls this needs the usual `if __name__ == "__main__"`.
    """
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(num_processes, mp_context=spawn, initializer=_begin, initargs=(begin, arguments))


def _begin(begin: Callable[..., None] | None, arguments: tuple) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _end_with_parent() -> None:
    """Wait for the parent's end, which also one that has ended already tells: its end of a pipe is closed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a pool's process has a parent"
    parent.join()
    os._exit(1)
