"""What of a recipe's data is on this machine, and what the dry run has to assume."""

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
from pangea_cultural.training.estimate import assumptions
from pangea_cultural.training.estimate.assumptions import HEADER_TOKENS, TEXTS
from pangea_cultural.training.estimate.meta_model import Blueprint
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.console import Reporter


@dataclass(frozen=True)
class Sources:
    """The sources of a recipe, here or assumed.

    Args:
        here: the recipe with only those sources that are on this machine.
        corpora: the sources that are here, open.
        absent: the sources that are not, with what is assumed of them.
    """

    here: Recipe
    corpora: list[Corpus]
    absent: list[tuple[Source, SourceEstimate]]


def open_sources(recipe: Recipe, workspace: Path, cache: Path, reporter: Reporter) -> Sources:
    """Open what is on this machine.

    Raises:
        UserError: a source is not here and the recipe does not say what to assume, or what is here cannot be read.
    """
    here, absent = [], []
    for source in recipe.sources:
        if (workspace / source.path).exists():
            here.append(source)
        elif source.estimate:
            absent.append((source, source.estimate))
        else:
            raise UserError(
                f"no data at {workspace / source.path}: put it there, or say in the recipe what to assume "
                "([sources.estimate] with questions and images)"
            )
    present = recipe.model_copy(update={"sources": tuple(here), "validation": None})
    return Sources(present, open_all(TrainingInputs.open(present, workspace), cache, reporter), absent)


def measure(sources: Sources, blueprint: Blueprint, cache: Path, reporter: Reporter) -> list[MeasuredSource]:
    """Measure what is on this machine: images in any case, texts where the model's tokenizer is here too."""
    image_tokens, template = blueprint.image_tokens, blueprint.template
    if template:
        key = blueprint.key
        return [lengths.measure(c, template, image_tokens, cache, f"{c.key}-{key}", reporter) for c in sources.corpora]
    measured = []
    for source, corpus in zip(sources.here.sources, sources.corpora, strict=True):
        texts = np.full(corpus.num_conversations, assumptions.conversation_tokens(source.estimate or TEXTS), np.int32)
        measured.append(lengths.measure_images(corpus, texts, HEADER_TOKENS, image_tokens, reporter))
    return measured
