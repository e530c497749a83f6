"""Data of a recipe that is on this machine, and estimates of the data that is not."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import lengths
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.training_data import open_all
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.sources.config import Source, SourceEstimate
from pangea_cultural.training.estimate.assumptions import DEFAULT_TEXTS, HEADER_TOKENS, conversation_tokens
from pangea_cultural.training.estimate.meta_model import MetaModel
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.console import Reporter


@dataclass(frozen=True)
class Sources:
    """The sources of a recipe, present or missing.

    Args:
        inputs: the recipe with the present sources only, and its exports.
        corpora: the present sources, as they were read.
        missing: the missing sources with their estimates.
    """

    inputs: TrainingInputs
    corpora: list[Corpus]
    missing: list[tuple[Source, SourceEstimate]]


def open_sources(recipe: Recipe, workspace: Path, cache: Path, reporter: Reporter) -> Sources:
    """Open the sources that are on this machine.

    Raises:
        UserError: a source is missing and has no estimate, or cannot be read.
    """
    present, missing = [], []
    for source in recipe.sources:
        if (workspace / source.path).exists():
            present.append(source)
        elif source.estimate:
            missing.append((source, source.estimate))
        else:
            raise UserError(
                f"No data at {workspace / source.path}. Put it there, or add [sources.estimate] with questions and "
                "images to the recipe."
            )
    present_recipe = recipe.model_copy(update={"sources": tuple(present), "validation": None})
    inputs = TrainingInputs.open(present_recipe, workspace)
    return Sources(inputs, open_all(inputs, cache, reporter), missing)


def measure(sources: Sources, model: MetaModel, cache: Path, reporter: Reporter) -> list[MeasuredSource]:
    """Measure the images of present sources, and their texts if the model's tokenizer is present."""
    image_tokens, template = model.image_tokens, model.template
    if template:
        return [
            lengths.measure(corpus, template, image_tokens, cache, f"{corpus.key}-{model.processor_key}", reporter)
            for corpus in sources.corpora
        ]
    measured = []
    for source, corpus in zip(sources.inputs.recipe.sources, sources.corpora, strict=True):
        tokens = conversation_tokens(source.estimate or DEFAULT_TEXTS)
        texts = np.full(corpus.num_conversations, tokens, np.int32)
        measured.append(lengths.measure_images(corpus, texts, HEADER_TOKENS, image_tokens, reporter))
    return measured
