"""`pcult demo`."""

from pathlib import Path

import click

from pangea_cultural.cli.options import KeyFile, quiet_option, wait_option, workspace_option
from pangea_cultural.workspace import Workspace


@click.command()
@click.option("--endpoint", help="URL of an OpenAI-compatible endpoint. Default: serve a checkpoint of the workspace.")
@click.option("--compare", help="URL of a second endpoint, whose answers are shown beside those of the first.")
@workspace_option
@click.option("--checkpoint", help="Name of the checkpoint to serve without --endpoint. Default: the newest one.")
@click.option("--data", multiple=True, help="Name of an export with images; may be repeated. Default: all exports.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="TCP port of the page.")
@click.option("--allow-host", multiple=True, help="Further name by which browsers may open the page; may be repeated.")
@click.option("--api-key-file", "api_key", type=KeyFile(), help="File with the endpoint's key.")
@click.option("--compare-key-file", "compare_key", type=KeyFile(), help="File with the key of the second endpoint.")
@click.option(
    "--auth-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a line NAME:PASSWORD for each person who may open the page.",
)
@wait_option
@quiet_option
def demo(
    endpoint: str | None,
    compare: str | None,
    workspace: Workspace,
    checkpoint: str | None,
    data: tuple[str, ...],
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    api_key: str | None,
    compare_key: str | None,
    auth_file: Path | None,
    wait_s: float,
    quiet: bool,
) -> None:
    """Open a web page to ask a model about images.

    Without --endpoint, the newest checkpoint of the workspace is served while the page is open.

    \b
    Example:
      pcult demo --workspace pcult-workspace
    """
    from demos import serving
    from demos.ask import opening
    from demos.ask.gallery import Gallery
    from demos.ask.page import launch, page
    from demos.logins import WAITING, Logins
    from pangea_cultural.cli.serving import open_endpoint

    serving.end_with_interrupt()
    if endpoint is None:  # the server writes logs; the page itself writes nothing
        workspace.create()
    folder = None if endpoint else opening.checkpoint(workspace, checkpoint)
    exports = opening.exports(workspace, data, lambda line: click.echo(line, err=True))
    auth = {"auth": Logins.read(auth_file).accepts, "auth_message": WAITING} if auth_file else {}
    with (
        open_endpoint(endpoint, folder, workspace, api_key=api_key, quiet=quiet, wait_s=wait_s) as served,
        serving.private_folder(),
    ):
        models = opening.models(workspace, [(served.url, api_key), *([(compare, compare_key)] if compare else [])])
        gallery = Gallery(exports)
        blocks = page(
            [model.target for model in models],
            gallery,
            notes=[note for model in models for note in model.notes],
            trained=models[0].languages,
            store=workspace.store if workspace.store.is_file() else None,
        )
        address = launch(blocks, host=host, port=port, allowed=gallery.folders, hosts=allow_host, **auth)
        click.echo(f"Demo: {address} (stop with Ctrl-C)")
        problem = f"The server of {served.model} has ended. See the newest log in {workspace.logs}."
        serving.wait(blocks, lambda: problem if served.has_ended else "")
