"""Stages of the tiny model."""

import pytest

from pangea_cultural.training.estimate.stage_model import StageModel
from pangea_cultural.training.recipe import Recipe
from tests.helpers import tiny
from tests.helpers.recipes import merged

STAGE = {
    "name": "s",
    "steps": 1,
    "trainable": ["projector", "language_model"],
    "optimizer": {"learning_rate": 1e-3},
    "batch": {"global_batch_size": 8},
}


@pytest.fixture(scope="session")
def tiny_model():
    return tiny.model_and_processor()[0]


@pytest.fixture
def stage_model(tiny_model):
    """Return a function that makes the tiny model in a stage with some settings."""

    def make(dtype="float32", parallelism="ddp", load_in_4bit=False, **stage):
        content = {"name": "r", "parallelism": parallelism, "sources": [{"type": "export", "path": "nowhere"}]}
        model = {"size": "tiny", "dtype": dtype, "load_in_4bit": load_in_4bit}
        recipe = Recipe.model_validate(content | {"model": model, "stages": [merged(STAGE, stage)]})
        return StageModel(tiny_model, recipe, recipe.stages[0])

    return make
