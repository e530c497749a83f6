"""`pcult data relevance`: calibration, agreement and training data of models."""

from pathlib import Path

import click

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option
from pangea_cultural.workspace import Workspace

SPLITS = ("train", "dev", "test", "unseen")
"""Splits of an export, as in `dataset.export`, which is imported only by commands."""


@click.group("relevance")
def relevance_group() -> None:
    """Calibrate, compare and train the models that say whether an image shows its entity."""


@relevance_group.command()
@click.argument("recipe_name", metavar="RECIPE")
@workspace_option
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Labeled pairs: CSV or JSON Lines with image, entity and label (yes or no).",
)
@click.option("--planted", type=click.IntRange(min=1), help="Number of images to ask about, with a mismatch each.")
@click.option("--split", type=click.Choice(SPLITS), help="With --planted: split of the images. Default: all.")
@click.option("--seed", type=int, default=0, show_default=True, help="With --planted: seed of images and mismatches.")
@click.option("--second", is_flag=True, help="Calibrate the recipe's second model.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of plot and figures. Default: relevance/MODEL-PROMPT in the workspace.",
)
@json_option
@quiet_option
def calibrate(
    recipe_name: str,
    workspace: Workspace,
    labels: Path | None,
    planted: int | None,
    split: str | None,
    seed: int,
    second: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure the precision and recall of a model by threshold, and plot them.

    RECIPE has the table [relevance]. The pairs are labeled by a person (--labels), or planted: each image is asked
    about with its own entity, which counts as right, and with another one of the same type.

    \b
    Example:
      pcult data relevance calibrate my-region.toml --planted 300
    """
    from factory.recipe import RECIPES, load
    from factory.relevance import cli
    from pangea_cultural.config import find
    from pangea_cultural.errors import UserError
    from pangea_cultural.reference import own_tables

    if (labels is None) == (planted is None):
        raise click.UsageError("Give either --labels or --planted.")
    recipe = load(find("recipe", recipe_name, RECIPES))
    if recipe.relevance is None:
        raise UserError(f"The recipe {recipe_name} has no table [relevance]. Add it.")
    with own_tables.using(recipe.tables.read()):
        cli.calibrate(
            workspace,
            recipe.relevance,
            labeled=labels,
            num_planted=planted,
            split=split or "",
            seed=seed,
            second=second,
            out=out,
            as_json=as_json,
            quiet=quiet,
        )


@relevance_group.command()
@workspace_option
@click.option("--threshold", type=float, default=0.5, show_default=True, help="Least probability of the first model.")
@click.option("--second-threshold", type=float, help="Least probability of the second model. Default: --threshold.")
@click.option("--examples", type=click.IntRange(0), default=10, show_default=True, help="Number of pairs to list.")
@json_option
def agreement(
    workspace: Workspace, threshold: float, second_threshold: float | None, examples: int, as_json: bool
) -> None:
    """Compare the two models of the last build: counts, Cohen's kappa and the pairs that differ most.

    \b
    Example:
      pcult data relevance agreement --threshold 0.7
    """
    from factory.relevance import cli

    cli.show_agreement(
        workspace,
        threshold=threshold,
        second_threshold=threshold if second_threshold is None else second_threshold,
        examples=examples,
        as_json=as_json,
    )


@relevance_group.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@workspace_option
@click.option("--split", type=click.Choice(SPLITS), default="train", show_default=True, help="Split of the images.")
@click.option(
    "--draws",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    help="Questions about each image with the answer Yes, and as many with the answer No.",
)
@click.option("--max-questions", type=click.IntRange(min=2), help="Number of questions at most. Default: all.")
@click.option("--prompt-version", default="shows-1", show_default=True, help="Version of the prompt.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the mismatches.")
def chat(
    folder: Path,
    workspace: Workspace,
    split: str,
    draws: int,
    max_questions: int | None,
    prompt_version: str,
    seed: int,
) -> None:
    """Write yes/no questions about the images of a store, to train a model that judges relevance.

    The format is LLaVA chat JSON, with images of the workspace. In half of the questions the entity is another one of
    the same type.

    \b
    Example:
      pcult data relevance chat pcult-workspace/exports/relevance
    """
    from factory.relevance.chat import FILE, write_chat
    from factory.relevance.prompts import PROMPTS
    from factory.store.store import Store
    from pangea_cultural.errors import unknown

    if prompt_version not in PROMPTS:
        raise unknown("prompt version", prompt_version, PROMPTS)
    with Store.open(workspace.store, read_only=True) as store:
        limit = max_questions and max_questions // 2
        template = PROMPTS[prompt_version]
        number = write_chat(store, folder, template=template, seed=seed, split=split, draws=draws, limit=limit)
    click.echo(f"Questions: {number:,} in {folder / FILE}")
