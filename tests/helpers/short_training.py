"""Trainings of a few steps from a checkpoint, in this process."""

from pangea_cultural import config
from pangea_cultural.dataset.export import Export
from pangea_cultural.training.loop import run as training
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.console import Reporter

STAGE = {
    "name": "main",
    "train": ["projector", "language_model"],
    "steps": 3,
    "batch_questions": 16,
    "per_device_rows": 4,
    "max_length": 300,
    "learning_rate": 1e-3,
    "log_steps": 1,
    "warmup": 0,
}


def train(workspace, start, *, stage=None, anew=False, overwrite=False, **fields):
    content = {
        "name": "micro",
        "model": {"checkpoint": str(start)},
        "sources": [{"type": "export", "path": "exports/colors"}],
        "stages": [STAGE | (stage or {})],
    }
    recipe = config.parse(Recipe, content | fields, where="test")
    return training.run(training.Job(recipe, workspace, Reporter(quiet=True)), anew=anew, overwrite=overwrite)


def images(workspace):
    return sorted((workspace.exports / "colors/images").iterdir())


def learnt_images(workspace, split="train"):
    shown = set(Export.open(workspace.exports / "colors").table(split)["image"].to_pylist())
    return [path for path in images(workspace) if f"images/{path.name}" in shown]
