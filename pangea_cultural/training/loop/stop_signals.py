"""Signals that end a job: SIGTERM, and SIGUSR1 some minutes before the end of a job's time.

During the steps of a stage a signal only sets a mark. All processes compare their marks after each step, so they save
and stop after the same one. At other times a signal ends the process at once: everything else is on the disk.

transformers' `enable_jit_checkpoint` (5.19) is not used. It knows SIGTERM only and waits three seconds. Each process
decides alone, and one that stops a step earlier leaves the others waiting. It may save between gradients and update,
does not call `on_save`, which completes our checkpoints, and ends the run with 0.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

EXIT_CODES = {signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGUSR1: 0}
"""Exit code after each signal. SLURM takes 0 for a job that did what it was asked for."""


class Stopped(SystemExit):
    """The end of a run by a signal. As an argument of `sys.exit` it has the exit code.

    Args:
        sign: the signal.
    """

    def __init__(self, sign: signal.Signals) -> None:
        super().__init__(EXIT_CODES[sign])
        self.sign = sign

    def __str__(self) -> str:
        return f"Stopped by {self.sign.name}. Run the same command again to resume."


class StopSignals:
    """The stop signals that this process has received."""

    def __init__(self) -> None:
        self.received: set[signal.Signals] = set()
        self._is_deferred = False

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals while the block runs. Only a main thread can: elsewhere nothing changes.

        Raises:
            Stopped: a signal was received, or the connection to a process that received one was lost.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sign: signal.signal(sign, self._handle) for sign in EXIT_CODES}
        try:
            yield
        except RuntimeError as error:
            # Another process has received the signal first, and this one waited for it.
            if not self.received:
                raise
            raise Stopped(self.strongest(self.received)) from error
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Only mark signals as received while the block runs."""
        self._is_deferred = True
        try:
            yield
        except Exception:
            self.received.clear()  # the error matters more
            raise
        finally:
            self._is_deferred = False

    def _handle(self, number: int, frame: Any) -> None:
        self.received.add(signal.Signals(number))
        if not self._is_deferred:
            raise Stopped(signal.Signals(number))

    @staticmethod
    def strongest(received: set[signal.Signals]) -> signal.Signals:
        """Return the signal that decides the exit code, of one or more."""
        return next(sign for sign in EXIT_CODES if sign in received)
