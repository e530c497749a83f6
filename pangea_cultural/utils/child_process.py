"""A launcher for programs that end when their parent process ends.

    python child_process.py PARENT_PID PROGRAM ARGUMENT ...

A parent killed with SIGKILL cannot stop its children: vLLM would keep its port and memory, and a training would run
beside the next one. Linux sends a signal when a parent dies (prctl(2), PR_SET_PDEATHSIG), and exec keeps this setting.
On other systems the launcher only runs the program. The signal is sent when the thread that started the child ends, so
start children from the main thread.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tied_to_parent(*program: str) -> list[str]:
    """Return the command that runs a program as a child that ends with this process."""
    return [sys.executable, __file__, str(os.getpid()), *program]


def main() -> None:
    """Request the signal, then execute the program."""
    parent, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("The parent process has already ended.")
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
