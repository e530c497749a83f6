import pytest
import torch

from pangea_cultural.model.attention.masks import (
    FLEX_BLOCK,
    PADDING,
    PREFIX,
    block_mask,
    dense_mask,
    is_causal,
    mask_mod,
    partial_block_mask,
    visible,
)

SEGMENTS = torch.tensor(
    [
        # A prefix with two conversations, then a second group, then padding.
        [[0, 0, 0, 0, 0, 1, 1, PADDING], [PREFIX, PREFIX, 1, 1, 2, PREFIX, 1, PREFIX]],
        # One conversation and padding.
        [[0, 0, 0, 0, 0, 0, PADDING, PADDING], [PREFIX, PREFIX, PREFIX, 1, 1, 1, PREFIX, PREFIX]],
    ]
)
VISIBLE_IN_FIRST_ROW = [
    [1, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 0, 0, 0, 0, 0, 0],
    [1, 1, 1, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 0, 0, 0, 0],
    [1, 1, 0, 0, 1, 0, 0, 0],
    [0, 0, 0, 0, 0, 1, 0, 0],
    [0, 0, 0, 0, 0, 1, 1, 0],
    [0, 0, 0, 0, 0, 0, 0, 1],
]


def test_position_sees_its_prefix_and_its_conversation():
    assert visible(SEGMENTS)[0].int().tolist() == VISIBLE_IN_FIRST_ROW


def test_every_position_sees_itself():
    assert visible(SEGMENTS).diagonal(dim1=1, dim2=2).all()


def test_dense_mask_is_zero_for_visible_keys():
    mask = dense_mask(SEGMENTS, torch.float16)
    assert mask.shape == (2, 1, 8, 8) and mask.dtype == torch.float16
    assert torch.equal(mask[:, 0] == 0, visible(SEGMENTS))
    assert mask.min().item() == torch.finfo(torch.float16).min


def test_block_mask_uses_the_mask_function_of_the_segments():
    mask = block_mask(SEGMENTS)
    batch, query, key = torch.meshgrid(torch.arange(2), torch.arange(8), torch.arange(8), indexing="ij")
    assert mask.shape == (2, 1, 8, 8)
    assert torch.equal(mask.mask_mod(batch, 0, query, key), mask_mod(SEGMENTS)(batch, 0, query, key))


def test_only_rows_with_one_conversation_are_causal():
    assert is_causal(SEGMENTS[1:]) and not is_causal(SEGMENTS[:1]) and not is_causal(SEGMENTS)
    causal = torch.ones(6, 6, dtype=torch.bool).tril()
    assert torch.equal(visible(SEGMENTS[1:])[0, :6, :6], causal)


def long_row(*lengths, padding):
    """Return the segments of a row with groups of one prefix and two conversations."""
    groups = [number for number, length in enumerate(lengths) for _ in range(length)] + [PADDING] * padding
    conversations = [part for length in lengths for part in sorted(n % 3 for n in range(length))] + [PREFIX] * padding
    return torch.tensor([groups, conversations])


@pytest.mark.parametrize("start", [0, 200, 999, 1_290])
def test_partial_block_mask_skips_blocks_without_a_visible_pair_only(start):
    segments = torch.stack([long_row(300, 100, 700, 150, padding=50), long_row(900, 300, padding=100)])
    segments[:, 0][segments[:, 0] != PADDING] += 5_000  # earlier groups of the row are on other devices
    mask, expected = partial_block_mask(segments, start), visible(segments, start)
    queries, keys = mask.seq_lengths
    assert queries % FLEX_BLOCK == keys % FLEX_BLOCK == 0 and queries - FLEX_BLOCK < 1_300 - start <= queries
    batch, query, key = torch.meshgrid(torch.arange(2), torch.arange(queries), torch.arange(keys), indexing="ij")
    seen = mask.mask_mod(batch, 0, query, key)
    assert torch.equal(seen[:, : 1_300 - start, :1_300], expected)
    assert seen.any(-1).all(), "softmax over no visible key is NaN"
    computed = mask.to_dense()[:, 0].repeat_interleave(FLEX_BLOCK, 1).repeat_interleave(FLEX_BLOCK, 2).bool()
    assert not (seen & ~computed).any()
    if start == 0:
        assert computed.float().mean() < 0.5, "a causal mask alone would be 0.55"
