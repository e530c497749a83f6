"""The runner of a workflow: `pcult` commands as child processes, with their times."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import orjson

from pangea_cultural.cli import serving
from pangea_cultural.utils.child_process import tied_to_parent
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace


@dataclass
class WorkflowRunner:
    """Runs the steps of a workflow and records their times and commands."""

    workspace: Workspace
    reporter: Reporter
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of each step, by name."""
    commands: list[str] = field(default_factory=list)
    """The commands, as a user would type them."""

    def step(self, name: str, title: str, work: Callable[[], Any]) -> Any:
        """Print a heading, run a step and record its time."""
        self.reporter.note(f"\n{len(self.seconds) + 1}. {title}")
        began = time.monotonic()
        result = work()
        self.seconds[name] = time.monotonic() - began
        return result

    def pcult(self, *arguments: object, as_json: bool = True) -> Any:
        """Run a `pcult` command; return its JSON result, or its output if `as_json` is False.

        Raises:
            click.exceptions.Exit: the command failed; it has printed the error.
        """
        texts = [str(argument) for argument in arguments]
        self._record(" ".join(["pcult", *texts]))
        options = ["--json"] * as_json + ["--quiet"] * (self.reporter.quiet and as_json)
        command = tied_to_parent(sys.executable, "-m", "pangea_cultural", *texts, *options)
        done = subprocess.run(command, stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise click.exceptions.Exit(done.returncode)
        return orjson.loads(done.stdout) if as_json else done.stdout.decode()

    @contextlib.contextmanager
    def serve(self, checkpoint: Path) -> Iterator[str]:
        """Serve a checkpoint with `pcult serve` while the block runs; yield the URL of the endpoint.

        Raises:
            click.exceptions.Exit: the command failed; it has printed the error.
        """
        with serving.serve(checkpoint, self.workspace, quiet=self.reporter.quiet) as served:
            self._record(f"pcult serve {checkpoint} --port {urlsplit(served.url).port}")
            yield served.url

    def _record(self, command: str) -> None:
        self.commands.append(command)
        self.reporter.note(f"   $ {command}")
