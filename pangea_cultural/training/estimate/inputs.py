"""Data of a recipe that is on this machine, and equal rows of assumed sizes for missing data."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import image_sizes, lengths
from pangea_cultural.training.batching.inputs import TrainingInputs
from pangea_cultural.training.batching.lengths import MeasuredSource
from pangea_cultural.training.batching.mixture import SourceQuestions
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.batching.training_data import open_all
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.training.data.sources.config import Source, SourceEstimate
from pangea_cultural.training.estimate.meta_model import MetaModel
from pangea_cultural.training.recipe import Recipe
from pangea_cultural.utils.console import Reporter

HEADER_TOKENS = 14
"""Tokens of the chat template before the image, with Qwen2's tokenizer."""
MARK_TOKENS = 6
"""Tokens of the chat template around one question and answer, with Qwen2's tokenizer."""
DEFAULT_TEXTS = SourceEstimate(questions=1, images=0)
"""Lengths of texts that cannot be tokenized and for which the recipe has no estimate."""


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
        sizes = image_sizes.measure(corpus, None, reporter)
        measured.append(lengths.with_images(corpus, texts, HEADER_TOKENS, image_tokens, sizes))
    return measured


def conversation_tokens(estimate: SourceEstimate) -> int:
    """Return the tokens of a question and its answer, after the prefix."""
    return estimate.question_tokens + MARK_TOKENS


def target_tokens(estimate: SourceEstimate) -> int:
    """Return the tokens of an answer and its end mark."""
    return estimate.answer_tokens + 1


def assumed_lengths(estimate: SourceEstimate, image_tokens: int, every: int) -> Lengths:
    """Return the lengths of one group in `every` groups, with questions spread evenly over the images.

    Args:
        estimate: the source's estimate in the recipe.
        image_tokens: tokens of one image.
        every: 1 for all groups.
    """
    questions = -(-estimate.questions // every)
    groups = min(questions, -(-estimate.images // every)) or questions
    image = np.full(groups, image_tokens if estimate.images else 0, np.int32)
    starts = np.arange(groups + 1) * questions // groups
    conversations = np.full(questions, conversation_tokens(estimate), np.int32)
    return Lengths(starts, HEADER_TOKENS + image, image, conversations)


def subsample(source: SourceQuestions, every: int) -> SourceQuestions:
    """Return the source with one in `every` of the groups that have usable questions."""
    if every == 1:
        return source
    sizes = np.diff(source.starts)
    group_of = np.repeat(np.arange(len(sizes)), sizes)
    kept = np.zeros(len(sizes), bool)
    kept[np.unique(group_of[source.usable])[::every]] = True
    count = None if source.count is None else -(-source.count // every)
    return replace(source, usable=source.usable & kept[group_of], count=count)
