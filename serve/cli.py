"""`pcult serve`."""

import shlex
from pathlib import Path

import click

from pangea_cultural.cli.options import KeyFile, json_option, quiet_option, workspace_option
from pangea_cultural.workspace import Workspace


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="TCP port; 0 for any free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--api-key-file", "api_key", type=KeyFile(), help="File with an API key that requests must have.")
@workspace_option
@json_option
@quiet_option
def serve(
    checkpoint: Path, port: int, host: str, api_key: str | None, workspace: Workspace, as_json: bool, quiet: bool
) -> None:
    """Serve a checkpoint through vLLM with an OpenAI-compatible API.

    CHECKPOINT is a folder in the hub's layout. The command runs until Ctrl-C. vLLM's output goes to a file of
    logs/ in the workspace. With --json, one line has the URL and the model's name when the server is ready.

    \b
    Example:
      pcult serve pcult-workspace/checkpoints/tiny --port 8000
    """
    import signal
    import time

    import orjson

    from pangea_cultural.errors import UserError
    from pangea_cultural.utils.console import Reporter
    from serve.logs import new_log
    from serve.server import Server

    # Service managers stop a process with SIGTERM. Handle it as Ctrl-C, so that vLLM's workers are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log = new_log(workspace.create().logs)
    reporter = Reporter(quiet=quiet)
    server = Server(checkpoint, log=log, port=port, host=host, api_key=api_key, reporter=reporter)
    with server:
        try:
            if as_json:
                click.echo(orjson.dumps({"url": server.url, "model": server.model}))
            else:
                click.echo(f"Serving {server.model} at {server.url} (stop with Ctrl-C). Send a request:\n")
                click.echo(example(server.url, server.model, api_key))
            while server.poll() is None:
                time.sleep(1)
        except KeyboardInterrupt:
            if not as_json:
                click.echo("Stopped.", err=True)
            return
    raise UserError(f"vLLM ended unexpectedly. See {log}.")


def example(url: str, model: str, key: str | None) -> str:
    """Return a shell command that sends a question about image.png."""
    header = "-H 'Authorization: Bearer YOUR-KEY' " if key else ""
    body = (
        '{"model": "' + model + '", "temperature": 0, "messages": [{"role": "user", "content": ['
        '{"type": "image_url", "image_url": {"url": "data:image/png;base64,\'"$(base64 -w0 image.png)"\'"}}, '
        '{"type": "text", "text": "Which country does this flag belong to?"}]}]}'
    )
    return f"  curl {shlex.quote(url + '/chat/completions')} {header}-H 'Content-Type: application/json' -d '{body}'"
