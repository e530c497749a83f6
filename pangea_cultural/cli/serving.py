"""Endpoints for commands: the one that the user names, or a checkpoint served by a `pcult serve` child process."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import orjson

from pangea_cultural.utils.child_process import tied_to_parent
from pangea_cultural.workspace import Workspace

STOP_TIMEOUT_S = 60
"""`pcult serve` stops vLLM and its workers before it ends."""


class ServedModel(NamedTuple):
    """A model behind an endpoint."""

    url: str
    """Base of the OpenAI-compatible API, ending in /v1."""
    model: str
    """The model's name in requests."""
    process: subprocess.Popen[bytes] | None = None
    """The server, if it was started for this command."""

    @property
    def has_ended(self) -> bool:
        """Whether the server that was started for this command does not run any more."""
        return self.process is not None and self.process.poll() is not None


@contextlib.contextmanager
def open_endpoint(
    url: str | None, checkpoint: Path | None, workspace: Workspace, *, api_key: str | None, quiet: bool, wait_s: float
) -> Iterator[ServedModel]:
    """Yield the endpoint at `url`, or serve `checkpoint` while the block runs if `url` is None.

    Args:
        url: base of the endpoint's API, ending in /v1.
        checkpoint: folder of a checkpoint.
        workspace: the workspace, for logs.
        api_key: the endpoint's key; None if it needs none.
        quiet: whether to show no progress.
        wait_s: seconds in which the endpoint at `url` may start.

    Raises:
        UserError: the endpoint at `url` does not answer.
        click.exceptions.Exit: `pcult serve` failed; it has printed the error.
    """
    if url is not None:
        from pangea_cultural.endpoint.client import model_name

        yield ServedModel(url, model_name(url, api_key, wait_s=wait_s))
        return
    assert checkpoint is not None, "either an endpoint or a checkpoint is given"
    with serve(checkpoint, workspace, quiet=quiet) as served:
        yield served


@contextlib.contextmanager
def serve(checkpoint: Path, workspace: Workspace, *, quiet: bool) -> Iterator[ServedModel]:
    """Serve a checkpoint on a free port while the block runs.

    Raises:
        click.exceptions.Exit: `pcult serve` failed; it has printed the error.
    """
    options = ["--port", "0", "--workspace", str(workspace.root), "--json", *(["--quiet"] if quiet else [])]
    command = tied_to_parent(sys.executable, "-m", "pangea_cultural", "serve", str(checkpoint), *options)
    # In a separate session, so that Ctrl-C stops it once, through `_stop`.
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None, "stdout is a pipe"
            line = process.stdout.readline()
            if not line:
                raise click.exceptions.Exit(process.wait() or 1)
            served = orjson.loads(line)
            yield ServedModel(served["url"], served["model"], process)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
