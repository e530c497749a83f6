"""`pcult serve`."""

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pangea_cultural.cli.options import KeyFile, json_option, quiet_option, workspace_option
from pangea_cultural.workspace import Workspace

if TYPE_CHECKING:
    from serve.gateway.settings import Settings


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), required=False)
@click.argument("vllm_flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- VLLM FLAGS]")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="TCP port; 0 for any free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--api-key-file", "api_key", type=KeyFile(), help="File with an API key that requests may have.")
@click.option(
    "--keys",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with names and digests of keys. It is read again when it changes.",
)
@click.option("--new-key", metavar="NAME", help="Add a key to --keys FILE and print it; serve nothing.")
@click.option("--rate", default="", metavar="N/TIME", help="Requests of each key in a time, such as 600/minute.")
@click.option(
    "--concurrency", default=512, show_default=True, type=click.IntRange(1), help="Requests of each key at a time."
)
@click.option(
    "--max-tokens", default=2048, show_default=True, type=click.IntRange(1), help="Longest answer, also by default."
)
@click.option(
    "--allow-media-domain",
    "media_domains",
    multiple=True,
    metavar="HOST",
    help="A host, or host:port, from which images of requests are fetched. Default: none.",
)
@click.option(
    "--replicas",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Copies of the model behind one address. The death of one ends all.",
)
@workspace_option
@json_option
@quiet_option
def serve(
    checkpoint: Path | None,
    vllm_flags: tuple[str, ...],
    new_key: str | None,
    keys: Path | None,
    replicas: int,
    workspace: Workspace,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Serve a checkpoint through vLLM with an OpenAI-compatible API.

    CHECKPOINT is a folder in the hub's layout. The command runs until Ctrl-C. vLLM's output goes to a file of
    logs/ in the workspace, and the access log beside it. With --json, one line has the URL, the model's name and a
    curl command when the server is ready. Everything after -- goes to vLLM.

    \b
    Example:
      pcult serve pcult-workspace/checkpoints/tiny --port 8000
      pcult serve --new-key anna --keys keys.txt
    """
    from pangea_cultural.errors import UserError
    from serve.gateway.keys import add_key
    from serve.vllm_flags import OWN_FLAGS, own_flag, replica_flags

    if new_key is not None:
        if keys is None:
            raise click.UsageError("--new-key needs --keys FILE.")
        click.echo(add_key(keys, new_key))
        return
    if checkpoint is None:
        raise click.UsageError("Missing argument 'CHECKPOINT'.")
    if vllm_flags and not vllm_flags[0].startswith("-"):
        raise click.UsageError(f"Got unexpected extra argument ({vllm_flags[0]}).")
    own = own_flag(vllm_flags)
    if own is not None:
        raise click.UsageError(f"{own} is not passed to vLLM. Use {OWN_FLAGS[own]} before --.")
    if keys is not None:
        _require_keys(keys)
    # Flags of the user are later, so that they win.
    flags = (*replica_flags(replicas), *vllm_flags)
    log = _prepare(checkpoint, workspace, flags, quiet=quiet)
    # vLLM's own variable: the gateway checks the key in place of vLLM.
    key = options.pop("api_key") or os.environ.get("VLLM_API_KEY")
    code = _run(
        checkpoint,
        log,
        host=options.pop("host"),
        port=options.pop("port"),
        key=key,
        settings=_settings(keys, log, **options),
        flags=flags,
        as_json=as_json,
        quiet=quiet,
    )
    if code is not None:
        raise UserError(f"vLLM ended unexpectedly. See {log}.")


def _require_keys(path: Path) -> None:
    from pangea_cultural.errors import UserError
    from serve.gateway.keys import parsed

    if not parsed(path):
        raise UserError(f"{path} has no keys. Make one with --new-key NAME.")


def _prepare(checkpoint: Path, workspace: Workspace, flags: tuple[str, ...], *, quiet: bool) -> Path:
    """Check what a start needs, and return the path of the log."""
    from pangea_cultural.utils.console import Reporter
    from serve import advisories, machine
    from serve.checkpoint import check_checkpoint
    from serve.logs import new_log
    from serve.tls import check_certificate
    from serve.vllm_flags import replicas

    check_checkpoint(checkpoint)
    check_certificate(flags)
    machine.require_vllm()
    machine.require_memory(checkpoint, replicas=replicas(flags))
    machine.require_disk(workspace.create().logs)  # often a volume of its own
    line = advisories.line(machine.vllm_version() or "")
    if line:
        Reporter(quiet=quiet).note(line)
    return new_log(workspace.logs)


def _settings(
    keys: Path | None, log: Path, *, rate: str, concurrency: int, max_tokens: int, media_domains: tuple[str, ...]
) -> "Settings":
    from serve.gateway.images.fetch import domain
    from serve.gateway.limits import check_rate
    from serve.gateway.settings import Settings, absolute
    from serve.logs import access_log

    if rate:
        check_rate(rate)
    return Settings(
        keys_file=absolute(keys),
        rate=rate,
        concurrency=concurrency,
        max_tokens=max_tokens,
        media_domains=tuple(map(domain, media_domains)),
        access_log=absolute(access_log(log)),
    )


def _run(
    checkpoint: Path,
    log: Path,
    *,
    host: str,
    port: int,
    key: str | None,
    settings: "Settings",
    flags: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int | None:
    """Serve until a signal, and return None; return vLLM's code if it ends before."""
    import signal
    import time

    import orjson

    from pangea_cultural.utils.console import Reporter
    from serve.logs import bound
    from serve.server import Server

    # Service managers stop a process with SIGTERM. Handle it as Ctrl-C, so that vLLM's workers are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reporter = Reporter(quiet=quiet)
    server = Server(
        checkpoint, log=log, port=port, host=host, settings=settings, api_key=key, flags=flags, reporter=reporter
    )
    with server:
        try:
            curl = example(server.url, server.model, has_keys=server.settings.has_keys)
            if as_json:
                click.echo(orjson.dumps({"url": server.url, "model": server.model, "curl": curl}))
            else:
                click.echo(f"Serving {server.model} at {server.url} (stop with Ctrl-C). Send a request:\n\n  {curl}")
            while (code := server.poll()) is None:
                bound(log)
                time.sleep(1)
            return code
        except KeyboardInterrupt:
            if not as_json:
                click.echo("Stopped.", err=True)
            return None


def example(url: str, model: str, *, has_keys: bool) -> str:
    """Return a shell command that sends a question about image.png."""
    header = "-H 'Authorization: Bearer YOUR-KEY' " if has_keys else ""
    # The name of a folder can have any character. The quotes around the body are those of the shell.
    name = json.dumps(model).replace("'", r"'\''")
    body = (
        '{"model": ' + name + ', "temperature": 0, "messages": [{"role": "user", "content": ['
        '{"type": "image_url", "image_url": {"url": "data:image/png;base64,\'"$(base64 -w0 image.png)"\'"}}, '
        '{"type": "text", "text": "Which country does this flag belong to?"}]}]}'
    )
    return f"curl {shlex.quote(url + '/chat/completions')} {header}-H 'Content-Type: application/json' -d '{body}'"
