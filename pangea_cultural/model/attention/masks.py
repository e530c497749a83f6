"""Attention masks of packed rows (see `modeling` for the layout of a row)."""

from collections.abc import Callable

import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

PREFIX = 0
"""Conversation number of a prefix. The conversations of a group are numbered from 1."""
PADDING = -1
"""Group number of padding."""
FLEX_BLOCK = 128
"""Positions of a block in FlexAttention. Rows of other lengths than its multiples can get gradients that are not a
number, because transformers gives FlexAttention a function of scores beside the block mask (pytorch#153799)."""


def row_multiple(attn_implementation: str, parts: int = 1) -> int:
    """Return the number of which the length of a row is a multiple, for an attention of transformers.

    Each of several parts of a divided row is padded in attention only.
    """
    return FLEX_BLOCK if attn_implementation == "flex_attention" and parts == 1 else 1


def mask_mod(segments: torch.Tensor) -> Callable[..., torch.Tensor]:
    """Return FlexAttention's mask function: whether a query position sees a key position.

    Args:
        segments: [batch, 2, length], group (or PADDING) and conversation (or PREFIX) of each position.
    """
    group, conversation = segments.unbind(1)

    def is_visible(batch: torch.Tensor, _: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        same = (group[batch, query] == group[batch, key]) & (group[batch, query] != PADDING)
        shared = (conversation[batch, key] == PREFIX) | (conversation[batch, key] == conversation[batch, query])
        # Padding sees itself: softmax over no visible key is NaN.
        return (same & shared & (key <= query)) | (key == query)

    return is_visible


def visible(segments: torch.Tensor, start: int = 0) -> torch.Tensor:
    """Return [batch, query, key], true where a query position sees a key position; of the queries from `start` on."""
    rows, _, length = segments.shape
    batch = torch.arange(rows, device=segments.device)[:, None, None]
    positions = torch.arange(length, device=segments.device)
    return mask_mod(segments)(batch, batch, positions[None, start:, None], positions[None, None, :])


def is_causal(segments: torch.Tensor) -> bool:
    """Return whether each row holds one conversation and padding, so that a plain causal mask is equivalent."""
    group, conversation = segments.unbind(1)
    return bool(((group <= 0) & (conversation <= PREFIX + 1)).all())


def dense_mask(segments: torch.Tensor, dtype: torch.dtype, start: int = 0) -> torch.Tensor:
    """Return the additive mask [batch, 1, query, key]: 0 for visible keys, else the dtype's minimum.

    It is not boolean: transformers' eager attention would add it as 0 and 1. It has the queries from `start` on.
    """
    seen = visible(segments, start)
    mask = torch.zeros(seen.shape, dtype=dtype, device=segments.device)
    return mask.masked_fill(~seen, torch.finfo(dtype).min)[:, None]


def block_mask(segments: torch.Tensor) -> BlockMask:
    """Return the mask for FlexAttention, which skips blocks without a visible pair."""
    rows, _, length = segments.shape
    return create_block_mask(mask_mod(segments), rows, None, length, length, device=segments.device)


def partial_block_mask(segments: torch.Tensor, start: int) -> BlockMask:
    """Return the mask for FlexAttention of the queries from `start` on, padded to whole blocks.

    Blocks are skipped by their groups and order alone. Padding at the end of the queries is computed for nothing.

    Args:
        segments: [batch, 2, length]. Groups count up, padding is at the end.
        start: position of the first query.
    """
    length = segments.shape[2]
    queries = -(-(length - start) // FLEX_BLOCK)
    keys = -(-(start + queries * FLEX_BLOCK) // FLEX_BLOCK)
    padded = torch.nn.functional.pad(segments, (0, keys * FLEX_BLOCK - length), value=PADDING)
    # As a group of its own at the end, padding keeps the order. Groups are numbered from the start of the whole row.
    groups = torch.where(padded[:, 0] == PADDING, torch.iinfo(padded.dtype).max, padded[:, 0])
    of_keys = groups.unflatten(1, (keys, FLEX_BLOCK))[:, None]
    of_queries = groups[:, start : start + queries * FLEX_BLOCK].unflatten(1, (queries, FLEX_BLOCK))[:, :, None]
    ends = start + FLEX_BLOCK * torch.arange(1, queries + 1, device=segments.device)
    is_earlier = FLEX_BLOCK * torch.arange(keys, device=segments.device) < ends[:, None]
    wanted = (of_keys[..., 0] <= of_queries[..., -1]) & (of_queries[..., 0] <= of_keys[..., -1]) & is_earlier
    order = wanted.int().argsort(dim=-1, descending=True, stable=True)
    is_visible = mask_mod(padded)
    first = torch.tensor(start, device=segments.device)  # FlexAttention would be compiled for each number

    def is_visible_from(
        batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
    ) -> torch.Tensor:
        return is_visible(batch, head, query + first, key)

    return BlockMask.from_kv_blocks(
        wanted.sum(-1, dtype=torch.int32)[:, None],
        order.int()[:, None],
        BLOCK_SIZE=FLEX_BLOCK,
        mask_mod=is_visible_from,
        seq_lengths=(queries * FLEX_BLOCK, keys * FLEX_BLOCK),
    )
