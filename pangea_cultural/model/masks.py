"""Attention masks of packed rows."""

from collections.abc import Callable

import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

PREFIX = 0
"""Number of a prefix among the conversations of its group; those count 1, 2, …"""
PADDING = -1
"""Group of a position that is there to fill up the row."""


def mask_mod(segments: torch.Tensor) -> Callable[..., torch.Tensor]:
    """Which position may see which: a function of batch, head, query and key position, as FlexAttention wants it.

    Args:
        segments: [batch, 2, length], the group of each position (PADDING: none) and its conversation (PREFIX or 1 …).
    """
    group, conversation = segments.unbind(1)

    def rule(batch: torch.Tensor, _: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        same = (group[batch, query] == group[batch, key]) & (group[batch, query] != PADDING)
        shared = (conversation[batch, key] == PREFIX) | (conversation[batch, key] == conversation[batch, query])
        # Padding sees itself: a row without any visible key would be NaN.
        return (same & shared & (key <= query)) | (key == query)

    return rule


def visible(segments: torch.Tensor) -> torch.Tensor:
    """[batch, length, length], true where the position of the second axis may see that of the third."""
    rows, _, length = segments.shape
    batch = torch.arange(rows, device=segments.device)[:, None, None]
    place = torch.arange(length, device=segments.device)
    return mask_mod(segments)(batch, batch, place[None, :, None], place[None, None, :])


def is_causal(segments: torch.Tensor) -> bool:
    """Whether each row has one conversation only, and what fills it up: later positions see all earlier ones."""
    group, conversation = segments.unbind(1)
    return bool(((group <= 0) & (conversation <= PREFIX + 1)).all())


def dense_mask(segments: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The mask of packed rows, [batch, 1, length, length], additive: 0 where a position may see, else the minimum.

    Additive, because transformers' eager attention adds a boolean mask as 0 and 1 and is silently wrong.
    """
    allowed = visible(segments)
    mask = torch.zeros(allowed.shape, dtype=dtype, device=segments.device)
    return mask.masked_fill(~allowed, torch.finfo(dtype).min)[:, None]


def block_mask(segments: torch.Tensor) -> BlockMask:
    """The mask of packed rows for FlexAttention: blocks without a visible pair cost nothing."""
    rows, _, length = segments.shape
    return create_block_mask(mask_mod(segments), rows, None, length, length, device=segments.device)
