"""The processes that train together."""

import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from accelerate import PartialState

from pangea_cultural.training.loop.stop_signals import EXIT_CODES, Stopped, StopSignals

Result = TypeVar("Result")

STEP_TIMEOUT = timedelta(hours=2)
"""Longest wait for a collective operation on the devices. When it has passed, the other processes stop."""
FILE_WORK_TIMEOUT = timedelta(days=7)
"""Longest wait for the main process's work on files: millions of images take hours to read."""


class Processes:
    """The processes of a training run, seen from one of them.

    torch's own timeouts are ten minutes (NCCL) and thirty (gloo). Waiting for work on files uses a separate process
    group on the CPU, with a longer timeout.
    """

    def __init__(self) -> None:
        self._state = PartialState(cpu=not torch.cuda.is_available(), timeout=STEP_TIMEOUT)
        self.stop_signals = StopSignals()
        self._context_groups: dict[int, Any] = {}
        distributed = self.world_size > 1
        self._file_work_group = (
            torch.distributed.new_group(backend="gloo", timeout=FILE_WORK_TIMEOUT) if distributed else None
        )

    @property
    def world_size(self) -> int:
        """Number of processes."""
        return self._state.num_processes

    @property
    def rank(self) -> int:
        """Index of this process, from 0."""
        return self._state.process_index

    @property
    def is_main(self) -> bool:
        """Whether this is the process that works on files."""
        return self._state.is_main_process

    def context_group(self, size: int) -> Any:
        """Return torch's group of the `size` processes that divide rows with this one; every process has to call this.

        They are neighbors, so that they are on one node. The stages of a run share the group: each has buffers on the
        device until the end.
        """
        if size not in self._context_groups:
            self._context_groups[size] = torch.distributed.new_subgroups(size, timeout=STEP_TIMEOUT)[0]
        return self._context_groups[size]

    def stop_signal(self) -> signal.Signals | None:
        """Return the signal that one of the processes has received; every process has to call this."""
        received = self.stop_signals.received
        if self.world_size > 1:
            marks = torch.tensor([int(sign in received) for sign in EXIT_CODES], device=self._state.device)
            torch.distributed.all_reduce(marks)
            received = {sign for sign, count in zip(EXIT_CODES, marks.tolist(), strict=True) if count}
        return StopSignals.strongest(received) if received else None

    def raise_if_stopped(self) -> None:
        """Raise `Stopped` if one of the processes has received a signal; every process has to call this."""
        if sign := self.stop_signal():
            raise Stopped(sign)

    def run_on_main(self, work: Callable[[], Result]) -> Result:
        """Run `work` on the main process and broadcast its result."""
        results = [work() if self.is_main else None]
        if self._file_work_group is not None:
            torch.distributed.broadcast_object_list(results, src=0, group=self._file_work_group)
        return cast(Result, results[0])

    def wait(self) -> None:
        """Wait until all processes have reached this call."""
        if self._file_work_group is not None:
            torch.distributed.barrier(group=self._file_work_group)
