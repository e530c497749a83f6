import torch

from pangea_cultural.model.masks import PADDING, PREFIX, block_mask, dense_mask, is_causal, mask_mod, visible

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
