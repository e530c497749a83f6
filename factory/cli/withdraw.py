"""`pcult data withdraw` and `refresh`."""

import datetime
from pathlib import Path

import click

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace


@click.command()
@click.option("--image", "images", multiple=True, metavar="TITLE", help="File, as on Commons: File:NAME.jpg.")
@click.option("--entity", "entities", multiple=True, metavar="QID", help="Entity: as a subject, answer and option.")
@click.option("--claim", "claims", multiple=True, metavar="'QID PID [VALUE]'", help="Claim of an entity.")
@click.option(
    "--license", "licenses", multiple=True, metavar="CODE", help="License, with all its images and statements."
)
@click.option(
    "--source", "sources", multiple=True, metavar="TEXT", help="Source of own knowledge, with all that it states."
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="List of withdrawals, such as another workspace's withdrawn.json, or that of `pcult data refresh`.",
)
@click.option(
    "--export",
    "export_path",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also remove the rows from this export, in place; its other rows stay as they are.",
)
@click.option("--reason", default="", help="Reason, which the list and the manifests of exports repeat.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="Date of the withdrawal. Default: today.")
@click.option("--dry-run", is_flag=True, help="Only show what is concerned.")
@workspace_option
@json_option
def withdraw(
    workspace: Workspace,
    lists: tuple[Path, ...],
    export_path: Path | None,
    reason: str,
    date: datetime.datetime | None,
    dry_run: bool,
    as_json: bool,
    **named: tuple[str, ...],
) -> None:
    """Withdraw images, entities, claims, licenses or sources from the workspace, and from all later builds.

    Names the rows, exports, checkpoints and runs that have them. Removes them from the store, deletes image files that
    no other entity uses, and adds them to withdrawn.json. The next build of a recipe writes an export without them.

    With --export, the workspace is the one that the export lies in, or none.

    \b
    Example:
      pcult data withdraw --image "File:Himeji castle.jpg" --reason "deleted on Commons"
    """
    from factory.audit.headline import in_words
    from factory.pipeline import STAGE_NAMES, audit_again
    from factory.withdraw import cli, in_place
    from factory.withdraw.request import Request

    if not (lists or any(named.values())):
        raise click.UsageError("Give --image, --entity, --claim, --license, --source or --list.")
    day = (date or datetime.datetime.now().astimezone()).date().isoformat()
    request = Request(**named, reason=reason, date=day)
    export = in_place.open_export(export_path) if export_path else None
    cli.run(
        in_place.workspace_of(export_path) if export_path else workspace,
        request,
        lists,
        stages=STAGE_NAMES,
        dry_run=dry_run,
        as_json=as_json,
        export=export,
        remove=lambda opened, items: in_place.remove(opened, items, audit_again, in_words),
    )


@click.command()
@click.option("--recipe", "recipe_name", metavar="RECIPE", help="Recipe with other APIs or network settings.")
@click.option("--contact", envvar="PCULT_CONTACT", help="Your e-mail address or URL, which Wikimedia requires.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of the list; by default proposed-withdrawals.json in the workspace.",
)
@click.option("--restart", is_flag=True, help="Forget the answers of an interrupted run.")
@workspace_option
@json_option
@quiet_option
def refresh(
    workspace: Workspace,
    recipe_name: str | None,
    contact: str | None,
    out: Path | None,
    restart: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Ask Commons and Wikidata what was deleted or changed since the store read it, and propose withdrawals.

    Nothing is withdrawn. An interrupted run resumes when the command is run again.

    \b
    Example:
      pcult data refresh --contact you@example.org
    """
    from factory.recipe import RECIPES, load
    from factory.withdraw.refresh import cli
    from pangea_cultural.config import find

    services = cli.Services()
    if recipe_name:
        recipe = load(find("recipe", recipe_name, RECIPES))
        services = cli.Services(network=recipe.network, sources=recipe.sources, images=recipe.images.sources)
    reporter = Reporter(quiet=quiet)
    cli.run(workspace, services, contact, out, restart=restart, as_json=as_json, reporter=reporter)
