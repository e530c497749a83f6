"""The vLLM server of a checkpoint, as a child process that is stopped with all its workers."""

import contextlib
import os
import re
import secrets
import signal
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
from serve.addresses import free_port, require_keys
from serve.checkpoint import check_checkpoint
from serve.gateway.keys import digest_of
from serve.gateway.settings import Settings
from serve.warm_up import own_server, warm_up

VLLM_MODULE = "vllm.entrypoints.launchers.api_server.entry"
"""Started with `python -m`, because the `vllm` script of the CPU build does not start."""
START_TIMEOUT_S = 900
"""Timeout of the start. A 7B model on a cold disk takes minutes."""
STOP_TIMEOUT_S = vllm_flags.DRAIN_S + 10
"""Timeout of the end: longer than vLLM's own, in which running requests end."""
UNNAMED_KEY = "api-key-file"
"""Name of the key that has no name of its own."""
OWN_KEY = "pcult-serve"
"""Name of the key with which this process asks the server."""
ERROR = re.compile(r"(\b[\w.]*(Error|Exception)(:|$)|\berror:).*")
"""An exception with its message, or an error of argparse; source lines such as `raise ValueError(` do not match."""


class Server:
    """Server of a checkpoint, running inside the `with` block.

    Args:
        checkpoint: folder of the checkpoint.
        log: file for the output of vLLM.
        port: TCP port; 0 for any free one.
        host: address to listen on.
        settings: keys and limits of the gateway. Limits of texts and tokens follow the checkpoint.
        api_key: a key that callers may send, beside those of the settings. Without any, all callers are accepted.
        flags: further flags of vLLM.
        reporter: shows the progress of the start.

    Raises:
        UserError: the checkpoint is missing or incomplete, the port is in use, other machines would need no key, or
            vLLM does not start. The message then quotes the first error of the log.
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
        self._config = check_checkpoint(checkpoint)
        self._checkpoint = checkpoint
        self._flags = flags
        self.settings = settings or Settings()
        self.api_key = api_key
        self._own_key = secrets.token_urlsafe() if api_key or self.settings.has_keys else None
        named = ((UNNAMED_KEY, api_key), (OWN_KEY, self._own_key))
        self.settings = replace(
            self.settings,
            key_digests=(*self.settings.key_digests, *((name, digest_of(key)) for name, key in named if key)),
            max_text=vllm_flags.most_text(self._config),
            max_tokens=min(self.settings.max_tokens, vllm_flags.positions(self._config)),
        )
        self.log = log
        self.host = host
        self.port = free_port(host, port)
        require_keys(host, has_keys=self.settings.has_keys)
        self._reporter = reporter or Reporter(quiet=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base of the OpenAI-compatible API, ending in /v1."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        scheme = "https" if vllm_flags.value_of(self._flags, "--ssl-certfile") else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    @property
    def model(self) -> str:
        """The model's name in requests: the name of the checkpoint folder, unless a flag names another."""
        return vllm_flags.value_of(self._flags, "--served-model-name") or self._checkpoint.resolve().name

    def __enter__(self) -> "Server":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        # To append, so that a log that is emptied begins at its start again.
        with self.log.open("ab") as log:
            # In a separate session: vLLM can be stopped with its workers, and Ctrl-C reaches only this process.
            self._process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
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
            # Without the current folder, in which a folder named `serve` would replace this package.
            *tied_to_parent(sys.executable, "-P", "-m", VLLM_MODULE),
            f"--model={self._checkpoint}",
            # The second name tells an evaluation which weights these are.
            *("--served-model-name", self.model, identity.alias(self.model, self._checkpoint)),
            f"--host={self.host}",
            f"--port={self.port}",
            *vllm_flags.flags(self._config, self.settings, self._flags),
        ]

    def environment(self) -> dict[str, str]:
        """Return the environment in which vLLM starts."""
        return vllm_flags.environment(self.settings, self._flags)

    def _wait(self) -> None:
        began = time.monotonic()
        with self._reporter.bar(f"serve: starting vLLM with {self.model}", None, "seconds") as bar:
            while time.monotonic() - began < START_TIMEOUT_S:
                if self.poll() is not None:
                    raise UserError(f"vLLM did not start: {self._first_error()}. See {self.log}.")
                if self._healthy():
                    self._warm_up()
                    self._reporter.note(f"serve: {self.url} after {time.monotonic() - began:.0f} s")
                    return
                time.sleep(1)
                bar.advance()
        raise UserError(f"vLLM was not ready after {START_TIMEOUT_S} s. See {self.log}.")

    @property
    def pid(self) -> int | None:
        """The process ID of vLLM; None if it is not running."""
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """Return the exit code of vLLM; None while it runs."""
        return self._process.poll() if self._process else None

    def _warm_up(self) -> None:
        try:
            warm_up(self.url, self.model, self._own_key, replicas=vllm_flags.replicas(self._flags))
        except UserError as error:
            raise UserError(f"{error}. See {self.log}.") from error

    def _healthy(self) -> bool:
        url = self.url.removesuffix("/v1") + "/health"
        try:
            with urllib.request.urlopen(url, timeout=2, context=own_server()) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _first_error(self) -> str:
        """Return the first line of the log that names an error.

        vLLM reports the cause first. The later errors come from processes that wait for the one that failed. Warnings
        are skipped, because some of them quote errors.
        """
        lines = self.log.read_text("utf-8", "replace").splitlines()
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
