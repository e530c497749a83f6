"""Attention of packed rows on a CPU: each group alone, and its prefix without the conversations.

A dense mask makes torch compute all pairs of positions of a row. Here a prefix attends to itself with torch's causal
kernel, which computes half of its pairs, and the conversations attend to their group with the mask.
"""

from typing import Any, NamedTuple

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from pangea_cultural.model.attention.masks import PADDING, PREFIX

GROUPED = "grouped_sdpa"
"""transformers' name of this attention. Without groups it is `sdpa`."""
GROUP_PAIRS = 80_000
"""Pairs of positions that take as long as the two calls of a group, about. With short rows, one call is faster."""


class Group(NamedTuple):
    """Positions of a group: from `start` to `end`, of which those before `shared` see each other causally."""

    start: int
    shared: int
    end: int


def groups_of(segments: torch.Tensor) -> list[list[Group]] | None:
    """Return the groups of each row, or None where one call with a dense mask is faster.

    Args:
        segments: [batch, 2, length], group and conversation of each position (see `masks.mask_mod`).
    """
    rows = [_groups(*row.tolist()) for row in segments.unbind()]
    groups = [group for row in rows for group in row]
    pairs = sum(_pairs(group) + GROUP_PAIRS for group in groups)
    return rows if pairs < segments.shape[0] * segments.shape[2] ** 2 else None


def _groups(numbers: list[int], conversations: list[int]) -> list[Group]:
    """Return the groups of a row. Padding is at its end."""
    groups: list[Group] = []
    length = numbers.index(PADDING) if PADDING in numbers else len(numbers)
    start = 0
    while start < length:
        end = shared = start
        while end < length and numbers[end] == numbers[start]:
            # The first conversation sees the prefix and itself causally, as a prefix does.
            shared += conversations[end] <= PREFIX + 1 and shared == end
            end += 1
        groups.append(Group(start, shared, end))
        start = end
    return groups


def _pairs(group: Group) -> int:
    """Return the pairs of positions that are computed: half of those of the causal part, all of the others."""
    causal, others, length = group.shared - group.start, group.end - group.shared, group.end - group.start
    return causal * causal // 2 + others * length


def _grouped(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    groups: list[list[Group]] | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Return [batch, length, heads, channels], zero for padding.

    Args:
        module: the attention layer.
        query: [batch, heads, length, channels].
        key: the same, of fewer heads.
        value: the same.
        attention_mask: [batch, 1, length, length], to be added; None without groups for a causal mask.
        groups: of each row.
        **options: of transformers' own function.
    """
    if groups is None or attention_mask is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    rows = []
    # Gradients of parts of `split` are joined; each slice would have gradients of the size of the whole tensor.
    for row, (parts, *tensors) in enumerate(zip(groups, query.split(1), key.split(1), value.split(1), strict=True)):
        sizes = [group.end - group.start for group in parts]
        sizes.append(query.shape[2] - sum(sizes))
        outputs = []
        for group, *inputs in zip(parts, *(tensor.split(sizes, dim=2)[:-1] for tensor in tensors), strict=True):
            mask = attention_mask[row : row + 1, :, group.shared : group.end, group.start : group.end]
            outputs += _attend(module, inputs, mask, options)
        outputs.append(query.new_zeros(1, sizes[-1], query.shape[1], query.shape[3]))
        rows.append(torch.cat(outputs, dim=1))
    return torch.cat(rows), None


def _attend(
    module: torch.nn.Module, inputs: list[torch.Tensor], mask: torch.Tensor, options: dict[str, Any]
) -> list[torch.Tensor]:
    """Return the outputs of a group's causal part and of the others.

    Args:
        module: the attention layer.
        inputs: query, key and value of the group.
        mask: [1, 1, others, length of the group].
        options: of transformers' own function.
    """
    others = mask.shape[2]
    if not others:
        return [sdpa_attention_forward(module, *inputs, None, **options)[0]]
    query, key, value = inputs
    causal = query.shape[2] - others
    prefix, rest = query.split([causal, others], dim=2)
    outputs = [sdpa_attention_forward(module, rest, key, value, mask, **options)[0]]
    if causal:
        halves = (tensor.split([causal, others], dim=2)[0] for tensor in (key, value))
        outputs.insert(0, sdpa_attention_forward(module, prefix, *halves, None, **options)[0])
    return outputs


AttentionInterface.register(GROUPED, _grouped)
AttentionMaskInterface.register(GROUPED, sdpa_mask)
