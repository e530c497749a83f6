"""What the dry run takes for data that is not on this machine: as many questions and images as the recipe says, all
alike.
"""

import numpy as np

from pangea_cultural.training.batching.mixture import SourceQuestions
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.data.sources.config import SourceEstimate

HEADER_TOKENS = 14
"""What Qwen2's tokenizer makes of the chat template before the image."""
MARK_TOKENS = 6
"""What it makes of the marks of one question and answer."""
TEXTS = SourceEstimate(questions=1, images=0)
"""For texts that are here without the tokenizer, where the recipe says nothing."""


def conversation_tokens(source: SourceEstimate) -> int:
    """Tokens of a question and its answer, behind the prefix."""
    return source.question_tokens + MARK_TOKENS


def targets(source: SourceEstimate) -> int:
    """Tokens of an answer and its end."""
    return source.answer_tokens + 1


def lengths(source: SourceEstimate, image_tokens: int, every: int) -> Lengths:
    """One group in every so many of a source, with questions spread evenly over the images.

    Args:
        source: what is assumed.
        image_tokens: of one image.
        every: 1 for all groups.
    """
    questions = -(-source.questions // every)
    groups = min(questions, -(-source.images // every)) or questions
    image = np.full(groups, image_tokens if source.images else 0, np.int32)
    starts = np.arange(groups + 1) * questions // groups
    own = np.full(questions, conversation_tokens(source), np.int32)
    return Lengths(starts, HEADER_TOKENS + image, image, own)


def thinned(source: SourceQuestions, every: int) -> SourceQuestions:
    """A source of which one in every so many groups with something to learn is left."""
    if every == 1:
        return source
    sizes = np.diff(source.starts)
    group_of = np.repeat(np.arange(len(sizes)), sizes)
    kept = np.zeros(len(sizes), bool)
    kept[np.unique(group_of[source.usable])[::every]] = True
    count = None if source.count is None else -(-source.count // every)
    return SourceQuestions(source.starts, source.usable & kept[group_of], source.weight, count)
