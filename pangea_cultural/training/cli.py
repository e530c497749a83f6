"""`pcult train`."""

from typing import TYPE_CHECKING, Any

import click

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json
from pangea_cultural.workspace import Workspace

if TYPE_CHECKING:
    from pangea_cultural.training.recipe import Recipe


@click.command()
@click.argument("recipe")
@workspace_option
@click.option("--seed", type=int, help="Seed of weights, question order and augmentation; replaces the recipe's.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Steps of the last stage, in place of the recipe's. Earlier stages have at most as many.",
)
@click.option("--data", help="Name of the export to train on, in place of the recipe's exports.")
@click.option("--resume/--restart", default=True, show_default=True, help="Resume an interrupted run, or start over.")
@click.option("--overwrite", is_flag=True, help="Replace the folder at the place of the checkpoint.")
@click.option("--dry-run", is_flag=True, help="Only estimate steps, memory and hours.")
@click.option(
    "--devices", type=click.IntRange(min=1), help="With --dry-run: number of devices. Default: WORLD_SIZE, or 1."
)
@click.option(
    "--tflops",
    type=click.FloatRange(min=0, min_open=True),
    help="With --dry-run: sustained TFLOP/s per device. Default: 350.",
)
@json_option
@quiet_option
def train(
    recipe: str,
    workspace: Workspace,
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

    RECIPE is a TOML file, or the name of one that ships with the package. An interrupted run resumes where it stopped,
    with the same result.

    \b
    Example:
      pcult train tiny --workspace my-workspace
    """
    import os

    from pangea_cultural import config
    from pangea_cultural.training.recipe import RECIPES, Recipe
    from pangea_cultural.utils.console import Reporter

    if not dry_run and (devices or tflops):
        raise click.UsageError("--devices and --tflops need --dry-run. Add it, or remove them.")
    overrides: dict[str, Any] = {} if seed is None else {"seed": seed}
    path = config.find("recipe", recipe, RECIPES)
    loaded = config.load(Recipe, path, overrides=overrides).with_steps(steps).with_data(data)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if dry_run:
        _dry_run(loaded, workspace, devices, tflops, as_json=as_json, quiet=quiet)
        return
    from pangea_cultural.training.loop.run import run
    from pangea_cultural.training.loop.stop_signals import Stopped

    # Under torchrun only the first process prints.
    is_main = int(os.environ.get("RANK", "0")) == 0
    workspace.create()
    try:
        record = run(loaded, workspace, Reporter(quiet=quiet or not is_main), restart=not resume, overwrite=overwrite)
    except Stopped as stopped:
        if is_main:
            click.echo(str(stopped), err=True)
        raise
    if not is_main:
        return
    if as_json:
        print_json(record)
        return
    seconds = sum(stage["seconds"] for stage in record["stages"])
    click.echo(f"Checkpoint: {workspace.checkpoints / loaded.name} ({seconds:.0f} s of training)")


def _dry_run(
    recipe: "Recipe", workspace: Workspace, devices: int | None, tflops: float | None, *, as_json: bool, quiet: bool
) -> None:
    """Print the estimate of a recipe."""
    import os

    from rich.console import Console

    from pangea_cultural.training.estimate import tables
    from pangea_cultural.training.estimate.dry_run import Devices, dry_run
    from pangea_cultural.utils.console import Reporter

    num_devices = devices or int(os.environ.get("WORLD_SIZE", "1"))
    result = dry_run(recipe, workspace.root, Devices(num_devices, tflops), Reporter(quiet=quiet))
    if as_json:
        print_json(result)
    else:
        tables.show(result, Console())
