"""FlexAttention with a backward pass on the CPU. torch's own has one on GPUs only."""

import torch
from torch.nn.attention import flex_attention
from transformers.integrations import flex_attention as integration


def unfused(monkeypatch):
    """Let FlexAttention compute all scores, as it does without a compiler, and differentiate them."""
    monkeypatch.setattr(flex_attention, "_validate_device", lambda *_: None)  # rejects gradients on the CPU
    monkeypatch.setattr(integration.WrappedFlexAttention, "__call__", lambda _: flex_attention.flex_attention)


def dense(monkeypatch):
    """Let sdpa stand in for FlexAttention, with the mask of the block mask. It is fast."""

    def attend(query, key, value, *, block_mask, scale, enable_gqa, **_):
        assert block_mask.shape[-2:] == (query.shape[2], key.shape[2])
        mask = flex_attention.create_mask(block_mask.mask_mod, len(query), 1, *block_mask.shape[-2:], device="cpu")
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, scale=scale, enable_gqa=enable_gqa
        )

    monkeypatch.setattr(integration, "compile_friendly_flex_attention", attend)
