"""`pcult build`."""

from pathlib import Path
from typing import Any

import click

from pangea_cultural.cli.options import CommaList, json_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace


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
@click.option(
    "--balance",
    type=CommaList(),
    help="Drop questions of frequent groups: region, property, answer or language, as a comma list.",
)
@click.option(
    "--temperature",
    type=float,
    help="Exponent T of --balance by region, property or language, from 0 to 1: a group of n questions keeps a number "
    "proportional to n^T. The limit of answers is always a quarter.",
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
    balance: tuple[str, ...] | None,
    temperature: float | None,
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
    from factory.audit.headline import in_words
    from factory.images.sources.open import check_contact
    from factory.store import statistics
    from factory.store.store import Store
    from pangea_cultural.dataset.export import MANIFEST
    from pangea_cultural.utils.files import read_json

    overrides = _overrides(
        seed=seed,
        held_out_languages=hold_out,
        sources=None if dump is None else [{"type": "dump", "path": str(dump.absolute())}],
        balance=_overrides(by=balance, temperature=temperature),
    )
    recipe = _recipe(recipe_name, overrides, contact)
    check_contact(recipe.image_sources, recipe.network)
    reporter = Reporter(quiet=quiet)
    if dry_run:
        _print_estimate(recipe, workspace, reporter, as_json=as_json)
        return
    workspace.create()
    with Store.open(workspace.store) as store:
        task = pipeline.Build(store=store, recipe=recipe, workspace=workspace, reporter=reporter)
        pipeline.run(task, until=stage)
        totals = statistics.totals(store)
        stages = statistics.stages(store, pipeline.STAGE_NAMES)
        balanced = _balance(store, recipe)
    manifest = read_json(task.export / MANIFEST) if (task.export / MANIFEST).is_file() else {}
    if as_json:
        print_json(totals | {"export": str(task.export), "audit": manifest.get("audit"), "balance": balanced})
        return
    print_table("Stages", *stages)
    _print_balance(balanced)
    click.echo(f"Export: {task.export}" if manifest else "No export yet.")
    if manifest.get("audit"):
        click.echo(in_words(manifest["audit"]))


def _recipe(name: str, overrides: dict[str, Any] | None, contact: str | None) -> Any:
    from factory.recipe import RECIPES, load
    from pangea_cultural.config import find

    return load(find("recipe", name, RECIPES), overrides=overrides, contact=contact)


def _balance(store: Any, recipe: Any) -> dict[str, Any] | None:
    """Return how even the questions are before and after balance, by all keys: balance by one can worsen another."""
    if not recipe.balance.by:
        return None
    from factory.bias.bias import balance

    return balance(store)


def _print_balance(balanced: dict[str, Any] | None) -> None:
    if balanced:
        from factory.bias.cli import print_spreads

        print_spreads(balanced)


def _overrides(**values: Any) -> dict[str, Any] | None:
    """Return the options that are given, or None."""
    return {key: value for key, value in values.items() if value is not None} or None


def _print_estimate(recipe: Any, workspace: Workspace, reporter: Reporter, *, as_json: bool) -> None:
    """Print the estimate of a build."""
    from factory.estimate import estimate

    result = estimate(recipe, reporter)
    if recipe.refine is not None:
        result["refine"] = vars(_estimate_rewriting(recipe, workspace, result))
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
        "relevance_requests": "requests about relevance, at most",
    }
    print_table("Total", ["", ""], [[name, result[key]] for key, name in names.items()])
    if "refine" in result:
        print_table("Rewriting", list(result["refine"]), [list(result["refine"].values())])


def _estimate_rewriting(recipe: Any, workspace: Workspace, counts: dict[str, Any]) -> Any:
    """Return the estimate of the stage `refine`: counted in the store, if it has the questions of the recipe."""
    from factory import pipeline
    from factory.refine import estimate
    from factory.store.store import Store
    from pangea_cultural.errors import UserError

    try:
        with Store.open(workspace.store, read_only=True) as store:
            if pipeline.is_done(store, recipe, "questions"):
                return estimate.from_store(store, recipe.refine)
    except UserError:
        pass  # there is no store, it is of an older version, or another process uses it
    return estimate.from_counts(recipe.refine, counts["entities"], counts["images"], recipe.scope.languages)
