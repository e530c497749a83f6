"""Groups in rows, without a source: what tests of packing and of the loss share."""

import numpy as np

from pangea_cultural.training.batching import packing
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.mixture import QuestionChunk
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.utils.images import read_size


def lengths_of(groups, processor):
    """Lengths of the groups, as `lengths.measure` gives them for a source."""
    template, tokens = ChatTemplate(processor.tokenizer), ImageTokenCounter(processor)
    sizes = [len(group.conversations) for group in groups]
    images = [sum(tokens.count(read_size(path)) for path in group.images) for group in groups]
    shared = [count if len(group.images) == 1 else 0 for count, group in zip(images, groups, strict=True)]
    own = [
        sum(_span(span, template) for span in template.spans(c.turns, num_images=len(group.images)))
        + (count - in_prefix)
        for group, count, in_prefix in zip(groups, images, shared, strict=True)
        for c in group.conversations
    ]
    prefix = [len(template.header) + count for count in shared]
    return Lengths(np.cumsum([0, *sizes]), np.array(prefix), np.array(shared), np.array(own))


def _span(span, template):
    return len(template.encode([span.text])[0]) if span.text else len(span.marks)


def pieces_of(groups):
    """Each group as one piece."""
    return [QuestionChunk(n, 0, n, np.arange(len(group.conversations))) for n, group in enumerate(groups)]


def rows_of(groups, processor, *, how="shared", max_length=4096):
    """The rows of the groups, and the groups of their parts."""
    rows = packing.pack_rows(pieces_of(groups), [lengths_of(groups, processor)], packing=how, max_length=max_length)
    return rows, [[_part_group(groups, part) for part in row] for row in rows]


def _part_group(groups, part):
    import dataclasses

    group = groups[part.chunk.group]
    return dataclasses.replace(group, conversations=tuple(group.conversations[n] for n in part.conversations))


def batch_of(collator, groups, processor, **options):
    """One micro-batch with all rows of the groups."""
    rows, parts = rows_of(groups, processor, **options)
    batch = collator(rows, parts, [])
    batch.pop("keys")
    return batch
