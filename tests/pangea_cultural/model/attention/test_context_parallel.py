"""Rows that several processes divide between them."""

from types import SimpleNamespace

import pytest
import torch
from torch import distributed

from pangea_cultural.model.attention import context_parallel
from tests.helpers.runs.forked import Run

CHECK = "import sys; from tests.pangea_cultural.model.attention.divided import check; check(sys.argv[1])"


@pytest.mark.parametrize(("attention", "processes"), [("recomputed", 3), ("flex_attention", 2)])
def test_divided_row_has_the_loss_and_gradients_of_a_whole_one(attention, processes, tmp_path):
    """The shares have different lengths, and images in two of them."""
    ended = Run([attention], tmp_path, processes=processes, script=CHECK).finish()
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_keys_are_gathered_in_the_dtype_that_attention_computes_in(monkeypatch):
    """Rotary embeddings of a model with float32 weights return float32, and its values are bfloat16."""
    gathered = []

    def gather(whole, own, group):
        gathered.append(own.dtype)
        whole.copy_(own)

    monkeypatch.setattr(context_parallel, "_all_gather", gather)
    monkeypatch.setattr(distributed, "get_world_size", lambda group: 1)
    query, key, value = torch.rand(3, 1, 2, 5, 8)
    share = context_parallel.Share(bounds=[0, 5], first_key=0, tiles=0, rank=0, group=None)
    with torch.autocast("cpu", torch.bfloat16):
        layer, mask = SimpleNamespace(num_key_value_groups=1, is_causal=True), torch.zeros(1, 1, 5, 5)
        context_parallel._divided(layer, query, key, value.bfloat16(), mask, share=share)
    assert gathered == [torch.bfloat16]
