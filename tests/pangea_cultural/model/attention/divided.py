"""A check that runs in each of several processes that divide rows."""

import sys

import pytest
import torch
from torch import distributed

from pangea_cultural.model.attention.masks import PADDING, PREFIX
from pangea_cultural.model.modeling import IGNORE_INDEX
from pangea_cultural.training.batching.context_share import divide
from pangea_cultural.training.batching.images import ImageTokenCounter
from tests.helpers import tiny
from tests.pangea_cultural.training import flex

GROUPS = ((("Q1", 0), (30, 17)), (("Q2", 1), (140,)), (None, (25,)))
"""Image, and lengths of the conversations, of the groups of a row."""
PADDED = 6


def batch(processor):
    """Return a micro-batch of one row, with the tiles of all images one after another."""
    random = torch.Generator().manual_seed(0)
    ids, positions, groups, conversations, labels, tiles, sizes = [], [], [], [], [], [], []

    def add(tokens, number, conversation, first, are_targets):
        ids.extend(tokens)
        positions.extend(range(first, first + len(tokens)))
        groups.extend([number] * len(tokens))
        conversations.extend([conversation] * len(tokens))
        labels.extend(token if are_targets else IGNORE_INDEX for token in tokens)

    for number, (image, lengths) in enumerate(GROUPS):
        prefix = [7, 8, 9]
        if image:
            shown = tiny.image(*image)
            tiles.append(processor.image_processor(shown, return_tensors="pt")["pixel_values"][0])
            sizes.append((shown.height, shown.width))
            prefix += [processor.image_token_id] * ImageTokenCounter(processor).count(sizes[-1])
        add(prefix, number, PREFIX, 0, are_targets=False)
        for conversation, length in enumerate(lengths, start=1):
            tokens = torch.randint(10, 500, (length,), generator=random).tolist()
            add(tokens, number, conversation, len(prefix), are_targets=True)
    add([0] * PADDED, PADDING, PREFIX, 0, are_targets=False)
    is_target = torch.tensor(labels[1:]) != IGNORE_INDEX
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "segments": torch.tensor([[groups, conversations]]),
        "labels": torch.tensor([labels]),
        "weights": torch.rand(1, len(ids), generator=random),
        "keys": torch.arange(int(is_target.sum())),
        "normalizer": 50.0,
        "pixel_values": torch.cat(tiles),
        "image_sizes": torch.tensor(sizes),
    }


def results(model, inputs):
    """Return loss, target losses and gradients."""
    model.zero_grad()
    inputs = {name: value for name, value in inputs.items() if name not in ("keys", "normalizer")}
    output = model(**inputs, normalizer=50.0)
    output.loss.backward()
    return output.loss.detach(), output.target_losses, {name: p.grad for name, p in model.named_parameters()}


def check(attention):
    """Compare a divided row with a whole one, in each process.

    Args:
        attention: attention of the divided row; `recomputed` is sdpa with recomputed activations.
    """
    distributed.init_process_group("gloo")
    model, processor = tiny.model_and_processor()
    whole = batch(processor)
    loss, target_losses, gradients = results(model, whole)
    if attention == "recomputed":
        model.train()
        model.gradient_checkpointing_enable({"use_reentrant": False})
    elif attention == "flex_attention":
        flex.unfused(pytest.MonkeyPatch())
        model.set_attn_implementation({"text_config": attention})
    model.divide_rows(distributed.group.WORLD)
    rank, processes = distributed.get_rank(), distributed.get_world_size()
    own = divide(whole, rank, processes, pair_work=1e-3)
    own_loss, own_target_losses, own_gradients = results(model, own)
    torch.testing.assert_close(own_target_losses, target_losses[own["keys"]], rtol=1e-4, atol=1e-5)
    for value in (own_loss, *(gradient for gradient in own_gradients.values() if gradient is not None)):
        distributed.all_reduce(value)
    torch.testing.assert_close(own_loss, loss)
    for name, gradient in gradients.items():
        if gradient is not None:
            torch.testing.assert_close(own_gradients[name], gradient, rtol=1e-3, atol=1e-6, msg=name)
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    check(sys.argv[1])
