"""`pcult build` and `pcult data`."""

from pathlib import Path
from typing import Any

import click

from pangea_cultural.cli.options import CommaList, json_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace

SHOWN = {
    "claims": ["property", "value", "exactness", "rank", "best", "label"],
    "images": ["file", "via", "attribution", "license", "license_url", "source"],
}
"""Columns of tables that are too wide for a terminal; --json prints all."""


class _StageOption(click.Option):
    """An option whose help lists the stages; `pipeline` is imported only for that."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from factory.pipeline import STAGE_NAMES

        self.help = f"Build up to this stage: {', '.join(STAGE_NAMES)}."
        return super().get_help_record(ctx)


@click.command()
@click.argument("recipe_name", metavar="RECIPE")
@workspace_option
@click.option("--stage", cls=_StageOption, metavar="NAME", help="Build up to this stage.")
@click.option(
    "--hold-out",
    type=CommaList(allow_empty=True),
    help="Languages that are never in train, as a comma list; replaces the recipe's held_out_languages.",
)
@click.option("--seed", type=int, help="Random seed; replaces the recipe's.")
@click.option("--contact", envvar="PCULT_CONTACT", help="Your e-mail address or URL, for hosts that require one.")
@click.option(
    "--dump",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read entities from this Wikidata dump instead of the recipe's sources.",
)
@click.option("--dry-run", is_flag=True, help="Only estimate the cost: queries, images, gigabytes and hours.")
@json_option
@quiet_option
def build(
    recipe_name: str,
    workspace: Workspace,
    stage: str | None,
    hold_out: tuple[str, ...] | None,
    seed: int | None,
    contact: str | None,
    dump: Path | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Build a data set from a recipe.

    RECIPE is a TOML file, or the name of one that ships with the package. An interrupted build resumes when the
    command is run again.

    \b
    Example:
      pcult build sample --workspace my-workspace
    """
    from factory import pipeline
    from factory.images.sources.open import check_contact
    from factory.recipe import RECIPES, load
    from factory.store import statistics
    from factory.store.store import Store
    from pangea_cultural.config import find
    from pangea_cultural.dataset.export import MANIFEST

    overrides: dict[str, Any] = {} if seed is None else {"seed": seed}
    if hold_out is not None:
        overrides["held_out_languages"] = hold_out
    if dump is not None:
        overrides["sources"] = [{"type": "dump", "path": str(dump.absolute())}]
    recipe = load(find("recipe", recipe_name, RECIPES), overrides=overrides, contact=contact)
    check_contact(recipe.images.sources, recipe.network)
    reporter = Reporter(quiet=quiet)
    if dry_run:
        _print_estimate(recipe, reporter, as_json=as_json)
        return
    workspace.create()
    with Store.open(workspace.store) as store:
        task = pipeline.Build(store=store, recipe=recipe, workspace=workspace, reporter=reporter)
        pipeline.run(task, until=stage)
        totals = statistics.totals(store)
        stages = statistics.stages(store, pipeline.STAGE_NAMES)
    if as_json:
        print_json(totals | {"export": str(task.export)})
    else:
        print_table("Stages", *stages)
        click.echo(f"Export: {task.export}" if (task.export / MANIFEST).is_file() else "No export yet.")


def _print_estimate(recipe: Any, reporter: Reporter, *, as_json: bool) -> None:
    """Print the estimate of a build."""
    from factory.estimate import estimate

    result = estimate(recipe, reporter)
    if as_json:
        print_json(result)
        return
    sources = result.pop("sources")
    columns = ["source", "queries", "documents", "entities", "images", "hours", "basis"]
    print_table(f"Estimate for {recipe.name}", columns, [[row[key] for key in columns] for row in sources])
    names = {
        "entities": "entities, at most",
        "images": "images, at most",
        "image_calls": "API calls for image metadata",
        "image_gigabytes": "gigabytes of images",
        "image_hours": "hours of downloading images",
    }
    print_table("Total", ["", ""], [[name, result[key]] for key, name in names.items()])


@click.group()
def data() -> None:
    """Inspect the store, check exports and write synthetic chat data.

    \b
    Example:
      pcult data stats
    """


@data.command()
@workspace_option
@json_option
def stats(workspace: Workspace, as_json: bool) -> None:
    """Count the contents of the store by stage, language, region and property.

    \b
    Example:
      pcult data stats --workspace my-workspace
    """
    from factory.pipeline import STAGE_NAMES
    from factory.store import statistics
    from factory.store.store import Store

    with Store.open(workspace.store, read_only=True) as store:
        totals = statistics.totals(store)
        by_group = {
            "stages": statistics.stages(store, STAGE_NAMES),
            "languages": statistics.by_language(store),
            "regions": statistics.by_region(store),
            "properties": statistics.by_property(store),
            "links": statistics.by_link(store),
        }
    if as_json:
        print_json(totals | {name: _records(content) for name, content in by_group.items()})
        return
    print_table("Store", list(totals), [list(totals.values())])
    for name, content in by_group.items():
        print_table(name.capitalize(), *content)


@data.command()
@click.argument("entity")
@workspace_option
@json_option
def show(entity: str, workspace: Workspace, as_json: bool) -> None:
    """Show an entity with its labels, claims and images.

    \b
    Example:
      pcult data show Q43175
    """
    from factory.store import statistics
    from factory.store.store import Store

    with Store.open(workspace.store, read_only=True) as store:
        record = statistics.entity(store, entity)
    if as_json:
        print_json(record)
        return
    plain = {key: value for key, value in record.items() if not isinstance(value, list) or key == "regions"}
    print_table(entity, ["", ""], [[key, value] for key, value in plain.items()])
    for name in ("labels", "claims", "images", "rejections"):
        if record[name]:
            columns = SHOWN.get(name) or list(record[name][0])
            print_table(name.capitalize(), columns, [[row[column] for column in columns] for row in record[name]])


@data.command("reject-reasons")
@workspace_option
@json_option
def reject_reasons(workspace: Workspace, as_json: bool) -> None:
    """Count rejections by stage and reason.

    \b
    Example:
      pcult data reject-reasons
    """
    from factory.pipeline import STAGE_NAMES
    from factory.store import statistics
    from factory.store.store import Store

    with Store.open(workspace.store, read_only=True) as store:
        content = statistics.reject_reasons(store, STAGE_NAMES)
    if as_json:
        print_json(_records(content))
    else:
        print_table("Rejections", *content)


@data.command()
@click.argument("export", type=click.Path(file_okay=False, path_type=Path))
def check(export: Path) -> None:
    """Verify an export: hashes, held-out languages, splits and licenses.

    Every file has the hash of the manifest. No row of train is in a held-out language. No image of train is in another
    split. Every image has a license.

    \b
    Example:
      pcult data check pcult-workspace/exports/sample
    """
    from pangea_cultural.dataset.check import check as check_export
    from pangea_cultural.dataset.export import Export
    from pangea_cultural.errors import UserError

    opened = Export.open(export)
    problems = check_export(opened)
    if problems:
        shown = "; ".join(problems[:5])
        raise UserError(f"{export} failed verification ({len(problems)} problems): {shown}. Build it again.")
    held_out = ", ".join(opened.held_out_languages) or "none"
    click.echo(f"Verified: {opened.manifest['questions']} questions, held-out languages: {held_out}")


@data.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--languages",
    type=CommaList(),
    default="en,de,es,ru,id",
    show_default=True,
    help="Languages to ask in, as a comma list.",
)
@click.option("--images", default=1500, show_default=True, help="Number of images.")
@click.option("--seed", default=0, show_default=True, help="Seed of the images and questions.")
def synthetic_chat(folder: Path, languages: tuple[str, ...], images: int, seed: int) -> None:
    """Write synthetic chat data: questions about colored shapes.

    The format is LLaVA chat JSON. Training mixes these questions with cultural ones.

    \b
    Example:
      pcult data synthetic-chat pcult-workspace/exports/general
    """
    from factory.sample.synthetic_chat import write_synthetic_chat

    write_synthetic_chat(folder, languages=languages, num_images=images, seed=seed)
    click.echo(f"Synthetic chat: {folder / 'general.json'}")


def _records(content: tuple[list[str], list[list[Any]]]) -> list[dict[str, Any]]:
    return [dict(zip(content[0], row, strict=True)) for row in content[1]]
