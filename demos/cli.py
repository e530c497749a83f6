"""`pcult demo`."""

import click

from pangea_cultural.cli.options import KeyFile, quiet_option, workspace_option
from pangea_cultural.workspace import Workspace


@click.command()
@click.option("--endpoint", help="URL of an OpenAI-compatible endpoint. Default: serve a checkpoint of the workspace.")
@workspace_option
@click.option(
    "--checkpoint", default="tiny", show_default=True, help="Name of the checkpoint to serve without --endpoint."
)
@click.option("--data", default="sample", show_default=True, help="Name of the export with the example questions.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="TCP port of the page.")
@click.option("--api-key-file", "api_key", type=KeyFile(), help="File with the endpoint's key.")
@quiet_option
def demo(
    endpoint: str | None,
    workspace: Workspace,
    checkpoint: str,
    data: str,
    host: str,
    port: int,
    api_key: str | None,
    quiet: bool,
) -> None:
    """Open a web page to ask a model about images.

    Without --endpoint, a checkpoint of the workspace is served while the page is open.

    \b
    Example:
      pcult demo --workspace pcult-workspace
    """
    from demos import serving
    from demos.ask.examples import load
    from demos.ask.page import launch, page
    from pangea_cultural.cli.serving import open_endpoint
    from pangea_cultural.endpoint.client import Endpoint
    from pangea_cultural.endpoint.identity import identity_of, training_record

    serving.end_with_interrupt()
    workspace.create()
    with open_endpoint(endpoint, workspace.checkpoints / checkpoint, workspace, api_key=api_key, quiet=quiet) as served:
        identity = identity_of(lambda: Endpoint(served.url, api_key=api_key, model=served.model))
        record = training_record(sorted(workspace.checkpoints.glob("*")), identity)
        notes = record.get("statements") or ["The training of this model is not known, nor are its languages."]
        blocks = page(
            served.url,
            load(workspace.exports / data),
            model=served.model,
            notes=notes,
            trained=record.get("languages", []),
            api_key=api_key,
        )
        address = launch(blocks, host=host, port=port, allowed=[workspace.exports / data / "images"])
        click.echo(f"Demo: {address} (stop with Ctrl-C)")
        serving.wait(blocks)
