"""`pcult train`."""

from typing import TYPE_CHECKING, Any

import click

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json
from pangea_cultural.workspace import Workspace

if TYPE_CHECKING:
    from pangea_cultural.training.estimate.hours import Devices
    from pangea_cultural.training.recipe import Recipe
    from pangea_cultural.utils.console import Reporter


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
@click.option(
    "--bandwidth",
    type=click.FloatRange(min=0, min_open=True),
    help="With --dry-run: GB/s that a device receives from the others. Default: 300.",
)
@click.option(
    "--device-memory",
    type=click.FloatRange(min=0, min_open=True),
    help="With --dry-run: GB of a device. Prints the fastest [stages.memory] that fits.",
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
    bandwidth: float | None,
    device_memory: float | None,
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

    if not dry_run and (devices or tflops or bandwidth or device_memory):
        raise click.UsageError(
            "--devices, --tflops, --bandwidth and --device-memory need --dry-run. Add it, or remove them."
        )
    overrides: dict[str, Any] = {} if seed is None else {"seed": seed}
    path = config.find("recipe", recipe, RECIPES)
    loaded = config.load(Recipe, path, overrides=overrides).with_steps(steps).with_data(data)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if dry_run:
        from pangea_cultural.training.estimate.hours import Devices

        planned = Devices(devices or int(os.environ.get("WORLD_SIZE", "1")), tflops, bandwidth, device_memory)
        _dry_run(loaded, workspace, planned, as_json=as_json, quiet=quiet)
        return
    # Under torchrun only the first process prints.
    is_main = int(os.environ.get("RANK", "0")) == 0
    workspace.create()
    reporter = Reporter(quiet=quiet or not is_main)
    record = _run(loaded, workspace, reporter, restart=not resume, overwrite=overwrite, is_main=is_main)
    if not is_main:
        return
    if as_json:
        print_json(record)
        return
    seconds = sum(stage["seconds"] for stage in record["stages"])
    click.echo(f"Checkpoint: {workspace.checkpoints / loaded.name} ({seconds:.0f} s of training)")


def _run(
    recipe: "Recipe", workspace: Workspace, reporter: "Reporter", *, restart: bool, overwrite: bool, is_main: bool
) -> dict[str, Any]:
    """Train, and return the record. A signal ends the command with its exit code."""
    from pangea_cultural.training.loop.run import run
    from pangea_cultural.training.loop.stop_signals import Stopped

    try:
        return run(recipe, workspace, reporter, restart=restart, overwrite=overwrite)
    except Stopped as stopped:
        if is_main:
            click.echo(str(stopped), err=True)
        raise


def _dry_run(recipe: "Recipe", workspace: Workspace, devices: "Devices", *, as_json: bool, quiet: bool) -> None:
    """Print the estimate of a recipe."""
    from rich.console import Console

    from pangea_cultural.training.estimate import tables
    from pangea_cultural.training.estimate.dry_run import dry_run
    from pangea_cultural.utils.console import Reporter

    result = dry_run(recipe, workspace.root, devices, Reporter(quiet=quiet))
    if as_json:
        print_json(result)
    else:
        tables.show(result, Console())
