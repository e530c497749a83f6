"""`pcult serve`."""

import shlex
from pathlib import Path

import click

from pangea_cultural.cli.options import quiet_option, workspace_option


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="TCP port; 0 for any free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--api-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a key that callers must send.",
)
@workspace_option
@quiet_option
def serve(checkpoint: Path, port: int, host: str, api_key_file: Path | None, workspace: Path, quiet: bool) -> None:
    """Serve a checkpoint through vLLM with an OpenAI-compatible API.

    Runs until Ctrl-C. What vLLM prints goes to logs/ in the workspace.

    \b
    Example:
      pcult serve pcult-workspace/checkpoints/tiny --port 8000
    """
    import signal
    import time

    from pangea_cultural.errors import UserError
    from pangea_cultural.utils.console import Reporter
    from pangea_cultural.workspace import Workspace
    from serve.server import Server

    # A service manager's stop is Ctrl-C: vLLM's workers must go, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    key = api_key_file.read_text().strip() if api_key_file else None
    if key == "":
        raise UserError(f"{api_key_file} is empty: write a key into it")
    place = Workspace.create(workspace)
    server = Server(
        checkpoint, log=place.logs / "vllm.log", port=port, host=host, api_key=key, reporter=Reporter(quiet=quiet)
    )
    with server:
        try:
            click.echo(f"Serving {server.model} at {server.url} (stop with Ctrl-C). Ask it:\n")
            click.echo(example(server.url, server.model, key))
            while server.poll() is None:
                time.sleep(1)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            return
    raise UserError(f"vLLM ended by itself: see {place.logs / 'vllm.log'}")


def example(url: str, model: str, key: str | None) -> str:
    """A request to paste into a shell: a question about image.png."""
    header = "-H 'Authorization: Bearer YOUR-KEY' " if key else ""
    body = (
        '{"model": "' + model + '", "messages": [{"role": "user", "content": ['
        '{"type": "image_url", "image_url": {"url": "data:image/png;base64,\'"$(base64 -w0 image.png)"\'"}}, '
        '{"type": "text", "text": "Which country does this flag belong to?"}]}]}'
    )
    return f"  curl {shlex.quote(url + '/chat/completions')} {header}-H 'Content-Type: application/json' -d '{body}'"
