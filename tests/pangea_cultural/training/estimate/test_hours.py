"""Bytes that devices exchange, and the work of an optimizer."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from pangea_cultural.training.estimate.flops import optimizer_flops
from pangea_cultural.training.estimate.hours import communication_bytes
from pangea_cultural.training.setup.muon import orthogonalized


def test_gradients_are_summed_in_the_dtype_of_the_trainable_weights(stage_model):
    narrow = {"optim": "adamw_bf16", "weight_dtype": "bfloat16"}
    models = [stage_model(), stage_model(dtype="bfloat16"), stage_model(dtype="bfloat16", optimizer=narrow)]
    sent = [communication_bytes(model, 4, steps=10, micro_batches=30) for model in models]
    expected = 10 * 2 * 3 / 4 * models[0].total.trainable
    assert sent == [4 * expected, 4 * expected, 2 * expected]


def test_muon_has_the_operations_that_torch_counts(stage_model):
    model = stage_model(optimizer={"optim": "muon"})
    with FlopCounterMode(display=False) as counter:
        for shape in model.matrices:
            orthogonalized(torch.ones(1, *shape))
    assert optimizer_flops(model) == counter.get_total_flops() > 0
    assert optimizer_flops(stage_model()) == 0
