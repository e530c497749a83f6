"""`pcult train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json

if TYPE_CHECKING:
    from pangea_cultural.training.recipe import Recipe


@click.command()
@click.argument("recipe")
@workspace_option
@click.option("--seed", type=int, help="Seed of weights, order and draws; replaces the recipe's.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the last stage; replaces the recipe's.")
@click.option("--data", help="Name of the export to learn from, in place of the recipe's exports.")
@click.option("--resume/--restart", default=True, show_default=True, help="Resume an interrupted run, or start over.")
@click.option("--overwrite", is_flag=True, help="Replace a finished checkpoint that was trained otherwise.")
@click.option("--dry-run", is_flag=True, help="Only say what would be trained, in what memory and time.")
@click.option("--devices", type=click.IntRange(min=1), help="For --dry-run: how many; WORLD_SIZE or 1 by default.")
@click.option("--tflops", type=click.FloatRange(min=0, min_open=True), help="For --dry-run: what a device sustains.")
@json_option
@quiet_option
def train(
    recipe: str,
    workspace: Path,
    seed: int | None,
    steps: int | None,
    data: str | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    devices: int | None,
    tflops: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a checkpoint from a recipe.

    RECIPE is a TOML file, or the name of one that ships with the package. A training that was stopped goes on where it
    was, with the same result.

    \b
    Example:
      pcult train tiny --workspace my-workspace
    """
    import os

    # Nothing is fetched unless the recipe names a model on the hub.
    from pangea_cultural import config
    from pangea_cultural.training import recipe as recipes
    from pangea_cultural.utils.console import Reporter
    from pangea_cultural.workspace import Workspace

    if not dry_run and (devices or tflops):
        raise click.UsageError("--devices and --tflops go with --dry-run")
    overrides: dict[str, Any] = {} if seed is None else {"seed": seed}
    path = config.find("recipe", recipe, recipes.RECIPES)
    plan = config.load(recipes.Recipe, path, overrides=overrides).with_steps(steps).with_data(data)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if dry_run:
        _dry_run(plan, workspace, devices, tflops, as_json=as_json, quiet=quiet)
        return
    place = Workspace.create(workspace)
    from pangea_cultural.training.loop.run import TrainingRun, run

    # Of several processes the first one speaks.
    is_first = int(os.environ.get("RANK", "0")) == 0
    training = TrainingRun(plan, place, Reporter(quiet=quiet or not is_first))
    record = run(training, restart=not resume, overwrite=overwrite)
    if not is_first:
        return
    if as_json:
        print_json(record)
        return
    seconds = sum(stage["seconds"] for stage in record["stages"])
    click.echo(f"Checkpoint: {training.checkpoint} ({seconds:.0f} s of training)")


def _dry_run(
    recipe: "Recipe", workspace: Path, devices: int | None, tflops: float | None, *, as_json: bool, quiet: bool
) -> None:
    """Print what a recipe would train."""
    import os

    from rich.console import Console

    from pangea_cultural.training.estimate import tables
    from pangea_cultural.training.estimate.dry_run import Devices, dry_run
    from pangea_cultural.utils.console import Reporter

    number = devices or int(os.environ.get("WORLD_SIZE", "1"))
    result = dry_run(recipe, workspace.absolute(), Devices(number, tflops), Reporter(quiet=quiet))
    if as_json:
        print_json(result)
    else:
        tables.show(result, Console())
