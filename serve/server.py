"""The vLLM server of a checkpoint, as a child process that is stopped with all its workers."""

import contextlib
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from pangea_cultural.endpoint import identity
from pangea_cultural.errors import UserError
from pangea_cultural.utils.child_process import tied_to_parent
from pangea_cultural.utils.console import Reporter
from serve import vllm_flags
from serve.gateway.keys import digest_of
from serve.gateway.settings import Settings

VLLM_MODULE = "vllm.entrypoints.launchers.api_server.entry"
"""Started with `python -m`, because the `vllm` script of the CPU build does not start."""
START_TIMEOUT_S = 900
"""Timeout of the start. A 7B model on a cold disk takes minutes."""
STOP_TIMEOUT_S = vllm_flags.DRAIN_S + 10
"""Timeout of the end: longer than vLLM's own, in which running requests end."""
OWN_KEY = "api-key-file"
"""Name of the key that has no name of its own."""
ERROR = re.compile(r"(\b[\w.]*(Error|Exception)(:|$)|\berror:).*")
"""An exception with its message, or an error of argparse; source lines such as `raise ValueError(` do not match."""


class Server:
    """Server of a checkpoint, running inside the `with` block.

    Args:
        checkpoint: folder of the checkpoint.
        log: file for the output of vLLM.
        port: TCP port; 0 for any free one.
        host: address to listen on.
        settings: keys and limits of the gateway; by default those of a checkpoint, without keys.
        api_key: a key that callers may send, beside those of the settings. Without any, all callers are accepted.
        flags: further flags of vLLM.
        reporter: shows the progress of the start.

    Raises:
        UserError: the checkpoint is missing or incomplete, the port is in use, or vLLM does not start. The message
            quotes the first error of the log.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        log: Path,
        port: int = 0,
        host: str = "127.0.0.1",
        settings: Settings | None = None,
        api_key: str | None = None,
        flags: Sequence[str] = (),
        reporter: Reporter | None = None,
    ) -> None:
        self._config = vllm_flags.check_checkpoint(checkpoint)
        self._checkpoint = checkpoint
        self._flags = flags
        settings = settings or Settings()
        digests = [*settings.key_digests, *([(OWN_KEY, digest_of(api_key))] if api_key else [])]
        self.settings = replace(
            settings,
            key_digests=tuple(digests),
            max_text=vllm_flags.most_text(self._config),
            max_tokens=min(settings.max_tokens, vllm_flags.positions(self._config)),
        )
        self._log = log
        self.host = host
        self.port = _free_port(host, port)
        self.api_key = api_key
        self._reporter = reporter or Reporter(quiet=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base of the OpenAI-compatible API, ending in /v1."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    @property
    def model(self) -> str:
        """The model's name in requests: the name of the checkpoint folder."""
        return self._checkpoint.resolve().name

    def __enter__(self) -> "Server":
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            # In a separate session: vLLM can be stopped with its workers, and Ctrl-C reaches only this process.
            self._process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=vllm_flags.environment(self.settings),
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def command(self) -> list[str]:
        """Return the command that starts vLLM."""
        return [
            *tied_to_parent(sys.executable, "-m", VLLM_MODULE),
            f"--model={self._checkpoint}",
            # The second name tells an evaluation which weights these are.
            *("--served-model-name", self.model, identity.alias(self.model, self._checkpoint)),
            f"--host={self.host}",
            f"--port={self.port}",
            *vllm_flags.flags(self._config, self.settings, self._flags),
        ]

    def _wait(self) -> None:
        began = time.monotonic()
        with self._reporter.bar(f"serve: starting vLLM with {self.model}", None, "seconds") as bar:
            while time.monotonic() - began < START_TIMEOUT_S:
                if self.poll() is not None:
                    raise UserError(f"vLLM did not start: {self._first_error()}. See {self._log}.")
                if self._healthy():
                    self._reporter.note(f"serve: {self.url} after {time.monotonic() - began:.0f} s")
                    return
                time.sleep(1)
                bar.advance()
        raise UserError(f"vLLM was not ready after {START_TIMEOUT_S} s. See {self._log}.")

    @property
    def pid(self) -> int | None:
        """The process ID of vLLM; None if it is not running."""
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """Return the exit code of vLLM; None while it runs."""
        return self._process.poll() if self._process else None

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(self.url.removesuffix("/v1") + "/health", timeout=2) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _first_error(self) -> str:
        """Return the first line of the log that names an error.

        vLLM reports the cause first. The later errors come from processes that wait for the one that failed. Warnings
        are skipped, because some of them quote errors.
        """
        lines = self._log.read_text("utf-8", "replace").splitlines()
        errors = [match.group() for line in lines if "WARNING" not in line and (match := ERROR.search(line))]
        return (errors or lines[-1:] or ["no output"])[0].strip()[:300].rstrip(".")

    def stop(self) -> None:
        """Stop vLLM and all its workers, if it is running."""
        if self._process is None:
            return
        # Only the first process: it lets the workers finish running requests. A second Ctrl-C ends that.
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.wait(STOP_TIMEOUT_S)
        # Workers may outlive their parent.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


def _free_port(host: str, port: int) -> int:
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UserError(f"{host} is not the name of a machine. Choose an address of this one with --host.") from error
    with socket.socket(family) as probe:
        # vLLM binds with this option, which accepts the port of a server that ended recently (TIME_WAIT).
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UserError(f"{host} is not an address of this machine. Choose another with --host.") from error
            if error.errno == errno.EACCES:
                raise UserError(f"No permission to use port {port}. Choose one from 1024 on with --port.") from error
            raise UserError(f"Port {port} is in use. Choose another with --port.") from error
        return probe.getsockname()[1]
