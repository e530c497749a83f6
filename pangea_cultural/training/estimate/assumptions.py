"""Assumed sizes of missing data: the recipe's numbers of questions and images, all of the same size."""

import numpy as np

from pangea_cultural.training.batching.mixture import SourceQuestions
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.data.sources.config import SourceEstimate

HEADER_TOKENS = 14
"""Tokens of the chat template before the image, with Qwen2's tokenizer."""
MARK_TOKENS = 6
"""Tokens of the chat template around one question and answer, with Qwen2's tokenizer."""
DEFAULT_TEXTS = SourceEstimate(questions=1, images=0)
"""Lengths of texts that cannot be tokenized and for which the recipe has no estimate."""


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
    return SourceQuestions(source.starts, source.usable & kept[group_of], source.weight, count)
