"""`pcult data browse`."""

from pathlib import Path

import click


@click.command()
@click.argument("export", type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7861, show_default=True, type=click.IntRange(1, 65535), help="TCP port of the page.")
def browse(export: Path, host: str, port: int) -> None:
    """Open a web page to look at the rows of an export and to mark wrong ones.

    Facts and rejections are those of the workspace that the export lies in. All marks are in NAME-reviews.jsonl beside
    the export, and the last ones in NAME-reviews-list.jsonl.

    \b
    Example:
      pcult data browse pcult-workspace/exports/sample
    """
    from demos import serving
    from demos.browse.page import Browser, launch, page
    from demos.browse.reviews import Reviews
    from demos.browse.rows import Rows
    from pangea_cultural.dataset import withdrawn_rows
    from pangea_cultural.dataset.export import Export
    from pangea_cultural.workspace import Workspace

    serving.end_with_interrupt()
    opened = Export.open(export.absolute())
    workspace = Workspace(opened.path.parents[1])
    store = workspace.store if opened.path.parent == workspace.exports else None
    reviews = Reviews(opened.path.with_name(f"{opened.path.name}-reviews.jsonl"))
    withdrawn = withdrawn_rows.named_in(opened)
    with serving.private_folder():
        blocks = page(Browser(Rows(opened), store=store, reviews=reviews), withdrawn=withdrawn)
        address = launch(blocks, host=host, port=port, allowed=[opened.path / "images", reviews.listed])
        click.echo(f"Browser: {address} (stop with Ctrl-C)")
        serving.wait(blocks)
