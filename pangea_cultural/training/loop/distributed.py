"""The processes that train together, and how they wait for each other."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import torch
from accelerate import PartialState

Result = TypeVar("Result")

STEP = timedelta(hours=2)
"""A step's gradients are never so late: some process has died, and the others stop."""
WORK = timedelta(days=7)
"""Sources of millions of images are read by one process in hours, while all others wait."""


class Processes:
    """All processes, of which this is one.

    torch gives up on a process that is ten minutes late (NCCL) or thirty (gloo). Who waits for another's work on files
    waits in a group of its own, on the CPU.
    """

    def __init__(self) -> None:
        self._state = PartialState(cpu=not torch.cuda.is_available(), timeout=STEP)
        several = self.number > 1
        self._waiting = torch.distributed.new_group(backend="gloo", timeout=WORK) if several else None

    @property
    def number(self) -> int:
        """How many there are."""
        return self._state.num_processes

    @property
    def rank(self) -> int:
        """Which of them this one is."""
        return self._state.process_index

    @property
    def is_main(self) -> bool:
        """Whether this one works on files for all."""
        return self._state.is_main_process

    def once(self, work: Callable[[], Result]) -> Result:
        """What the main process makes, on all processes."""
        made = [work() if self.is_main else None]
        if self._waiting is not None:
            torch.distributed.broadcast_object_list(made, src=0, group=self._waiting)
        return cast(Result, made[0])

    def wait(self) -> None:
        """Until all processes have come here."""
        if self._waiting is not None:
            torch.distributed.barrier(group=self._waiting)
