"""Training runs of a few steps from a checkpoint, in this process."""

from pangea_cultural import config
from pangea_cultural.dataset.export import Export
from pangea_cultural.training.loop.run import run
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.console import Reporter
from tests.helpers.recipes import merged

STAGE = {
    "name": "main",
    "trainable": ["projector", "language_model"],
    "steps": 3,
    "optimizer": {"learning_rate": 1e-3, "warmup_steps": 0},
    "batch": {"global_batch_size": 16, "max_length": 300},
    "memory": {"per_device_batch_size": 4},
    "checkpoint": {"logging_steps": 1},
}


def recipe(base, *, stage=None, **fields):
    """Return a recipe from the checkpoint `base`; `stage` and `fields` change keys of the stage and of the recipe."""
    content = {
        "name": "micro",
        "model": {"checkpoint": str(base)},
        "sources": [{"type": "export", "path": "exports/colors"}],
        "stages": [merged(STAGE, stage or {})],
    }
    return config.parse(Recipe, content | fields, where="test")


def train(workspace, base, *, restart=False, overwrite=False, **changes):
    """Train from the checkpoint `base` by the `recipe` with some changes."""
    return run(recipe(base, **changes), workspace, Reporter(quiet=True), restart=restart, overwrite=overwrite)


def log_without_times(record):
    """Return the log entries of all stages without their times."""
    return [{k: v for k, v in e.items() if k != "seconds"} for stage in record["stages"] for e in stage["log"]]


def images(workspace):
    return sorted((workspace.exports / "colors/images").iterdir())


def trained_images(workspace, split="train"):
    shown = set(Export.open(workspace.exports / "colors").table(split)["image"].to_pylist())
    return [path for path in images(workspace) if f"images/{path.name}" in shown]
