"""`pcult demo`."""

from pathlib import Path

import click

from pangea_cultural.cli.options import quiet_option, workspace_option


@click.command()
@click.option("--endpoint", help="URL of an OpenAI-compatible endpoint; without, the workspace's checkpoint is served.")
@workspace_option
@click.option(
    "--checkpoint", default="tiny", show_default=True, help="Name of the checkpoint to serve without --endpoint."
)
@click.option("--data", default="sample", show_default=True, help="Name of the export that the examples are from.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="TCP port of the page.")
@click.option(
    "--api-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the endpoint's key.",
)
@quiet_option
def demo(
    endpoint: str | None,
    workspace: Path,
    checkpoint: str,
    data: str,
    host: str,
    port: int,
    api_key_file: Path | None,
    quiet: bool,
) -> None:
    """Open a web page to ask a model about images.

    \b
    Example:
      pcult demo --workspace pcult-workspace
    """
    import asyncio
    import contextlib
    import signal
    import time

    from demos.ask.examples import load
    from demos.ask.page import launch, page
    from pangea_cultural.endpoint.client import Endpoint
    from pangea_cultural.utils.console import Reporter
    from pangea_cultural.utils.files import read_json
    from pangea_cultural.workspace import Workspace

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place = Workspace.create(workspace)
    key = api_key_file.read_text().strip() if api_key_file else None
    with contextlib.ExitStack() as stack:
        if endpoint is None:
            from serve.server import Server

            server = Server(place.checkpoints / checkpoint, log=place.logs / "vllm.log", reporter=Reporter(quiet=quiet))
            endpoint = stack.enter_context(server).url
        url = endpoint

        async def ask_model() -> str:
            async with Endpoint(url, api_key=key) as client:
                return await client.model()

        model = asyncio.run(ask_model())
        record = place.checkpoints / model / "training.json"
        notes = read_json(record)["statements"] if record.is_file() else []
        blocks = page(url, load(place.exports / data), model=model, notes=notes, api_key=key)
        address = launch(blocks, host=host, port=port, allowed=[place.exports / data / "images"])
        click.echo(f"Demo: {address} (stop with Ctrl-C)")
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            blocks.close()
            click.echo("Stopped.", err=True)
