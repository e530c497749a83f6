"""Becomes another program that ends when its parent does.

    python child.py PARENT_PID PROGRAM ARGUMENT ...

`pcult serve` killed with SIGKILL can stop nothing any more, and vLLM would stay, with its port and all its memory; so
would the training of a `pcult quickstart`, beside the one that the next call starts.
Linux can send a signal when a parent dies (prctl(2), PR_SET_PDEATHSIG), and the wish survives the exec; elsewhere
nothing is lost, and nothing gained. The parent counts as dead when the thread that started the child ends: start it
from the main thread.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def command(*program: str) -> list[str]:
    """The command that runs a program as a child of this process that ends with it."""
    return [sys.executable, __file__, str(os.getpid()), *program]


def main() -> None:
    """Ask for the signal, then become the program."""
    parent, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the parent has ended already")
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
