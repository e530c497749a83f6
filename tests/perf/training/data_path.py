"""Builds the batches of a recipe without training, in one thread, as a data worker does.

    python -m tests.perf.training.data_path RECIPE WORKSPACE

Prints JSON: questions, seconds, and the number of tokens and targets in the batches.
"""

import json
import tempfile
import time
from pathlib import Path

import click
import torch

from pangea_cultural import config
from pangea_cultural.model.attention.masks import PADDING
from pangea_cultural.training.batching import training_data
from pangea_cultural.training.batching.collate import Collator
from pangea_cultural.training.batching.dataset import StepDataset
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.training.setup.base_model import BaseModel
from pangea_cultural.utils.console import Reporter


@click.command()
@click.argument("recipe", type=click.Path(exists=True, path_type=Path))
@click.argument("workspace", type=click.Path(exists=True, path_type=Path))
def main(recipe: Path, workspace: Path) -> None:
    """Build all batches of the last stage once."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        click.echo(json.dumps(measure(_steps(config.load(Recipe, recipe), workspace, Path(folder)))))


def _steps(recipe: Recipe, workspace: Path, folder: Path) -> StepDataset:
    reporter = Reporter(quiet=True)
    inputs = TrainingInputs.open(recipe, workspace)
    corpora = training_data.open_all(inputs, folder, reporter)
    _, processor = BaseModel(inputs, folder).load()
    data = training_data.TrainingData(
        recipe, corpora, training_data.measure_all(corpora, processor, folder, "data-path", reporter)
    )
    collator = Collator(processor, keys=data.loss_key_indices)
    return data.step_dataset(recipe.stages[-1], collator, processes=1, rank=0)


def measure(steps: StepDataset) -> dict[str, float]:
    """Build every step once and count its tokens and targets."""
    counts = {"questions": 0, "tokens": 0, "targets": 0}
    start = time.monotonic()
    for number in range(len(steps)):
        step = steps[number]
        counts["questions"] += step["questions"]
        for batch in step["micro_batches"]:
            counts["tokens"] += int((batch["segments"][:, 0] != PADDING).sum())
            counts["targets"] += len(batch["keys"])
    return counts | {"seconds": time.monotonic() - start}


if __name__ == "__main__":
    main()
