"""Groups in packed rows, without a source, for tests of packing and of the loss."""

import dataclasses

import numpy as np

from pangea_cultural.training.batching import packing
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.mixture import QuestionChunk
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.utils.images import read_size


def lengths_of(groups, processor):
    """Return the lengths of the groups, as `lengths.measure` returns them for a source."""
    template, tokens = ChatTemplate(processor.tokenizer), ImageTokenCounter(processor)
    sizes = [len(group.conversations) for group in groups]
    images = [sum(tokens.count(read_size(path)) for path in group.images) for group in groups]
    in_prefix = [count if len(group.images) == 1 else 0 for count, group in zip(images, groups, strict=True)]
    conversations = [
        # One text at a time, as a check of `ChatTemplate.count_tokens`, which encodes many.
        sum(_num_tokens(span, template) for span in template.spans(c.turns, num_images=len(group.images)))
        + (count - shared)
        for group, count, shared in zip(groups, images, in_prefix, strict=True)
        for c in group.conversations
    ]
    prefix = [len(template.header) + count for count in in_prefix]
    return Lengths(np.cumsum([0, *sizes]), np.array(prefix), np.array(in_prefix), np.array(conversations))


def _num_tokens(span, template):
    return len(template.encode([span.text])[0]) if span.text else len(span.token_ids)


def chunks_of(groups):
    """Return each group as one chunk."""
    return [QuestionChunk(n, 0, n, np.arange(len(group.conversations))) for n, group in enumerate(groups)]


def rows_of(groups, processor, *, how="shared", max_length=4096):
    """Return the rows of the groups, and the group of each of their segments."""
    lengths = [lengths_of(groups, processor)]
    rows = packing.pack_rows(chunks_of(groups), lengths, packing=how, max_length=max_length)
    return rows, [[_segment_group(groups, segment) for segment in row] for row in rows]


def _segment_group(groups, segment):
    group = groups[segment.chunk.group]
    return dataclasses.replace(group, conversations=tuple(group.conversations[n] for n in segment.conversations))


def batch_of(collator, groups, processor, **options):
    """Return one micro-batch with all rows of the groups."""
    rows, row_groups = rows_of(groups, processor, **options)
    batch = collator(rows, row_groups, [])
    batch.pop("keys")
    return batch
