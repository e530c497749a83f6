"""Errors of compiled FlexAttention on packed rows, beside those of attention with the dense mask.

    python -m tests.perf.training.flex_attention

Both are compared with the dense mask in float64, on the same rounded inputs, in units of the dtype's epsilon. Rows
have 1,000 to 8,192 tokens, padded as in training: groups of a prefix and some conversations, and padding. `whole` has
all queries, `divided` those from the middle of the row on, as of a process that divides it. On a GPU gradients are
compared as well; on a CPU FlexAttention has none. Compilation needs a C++ compiler there.
"""

from types import SimpleNamespace
from typing import Any

import click
import torch
from transformers.integrations.flex_attention import flex_attention_forward

from pangea_cultural.model.attention.masks import (
    FLEX_BLOCK,
    PADDING,
    PREFIX,
    block_mask,
    dense_mask,
    partial_block_mask,
)
from tests.perf.support import record

LENGTHS = (1_000, 2_000, 3_000, 5_000, 8_192)
HEADS, KEY_HEADS, CHANNELS = 28, 4, 128
"""Those of Qwen2-7B, whose number of heads is not a power of two."""
PADDED = 40
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Tensors = list[torch.Tensor]


def row(length: int, random: torch.Generator) -> torch.Tensor:
    """Return the segments of a row [1, 2, length], padded to whole blocks."""
    segments: list[tuple[int, int]] = []

    def add(group: int, conversation: int, low: int, high: int) -> None:
        number = int(torch.randint(low, high, (1,), generator=random))
        segments.extend([(group, conversation)] * min(number, length - PADDED - len(segments)))

    group = 0
    while len(segments) < length - PADDED:
        add(group, PREFIX, 200, 2_400)
        for conversation in range(1, int(torch.randint(2, 16, (1,), generator=random))):
            add(group, conversation, 20, 90)
        group += 1
    whole = -(-length // FLEX_BLOCK) * FLEX_BLOCK
    return torch.tensor(segments + [(PADDING, PREFIX)] * (whole - len(segments))).T[None].contiguous()


def attend(mask: Any, start: int, inputs: Tensors) -> torch.Tensor:
    """Return the outputs of FlexAttention [1, heads, queries, channels], as training computes them."""
    query, *others = inputs
    queries, keys = mask.seq_lengths
    length = query.shape[2]
    query = torch.nn.functional.pad(query[:, :, start:], (0, 0, 0, queries - length + start))
    key, value = (torch.nn.functional.pad(other, (0, 0, 0, keys - length)) for other in others)
    module = SimpleNamespace(training=query.requires_grad)
    output = flex_attention_forward(module, query, key, value, mask)[0].transpose(1, 2)
    return output[:, :, : length - start]


def attend_densely(mask: torch.Tensor, start: int, inputs: Tensors) -> torch.Tensor:
    """Return the outputs with a dense mask."""
    query, key, value = inputs
    return torch.nn.functional.scaled_dot_product_attention(
        query[:, :, start:], key, value, attn_mask=mask, enable_gqa=True
    )


def results(method: Any, mask: Any, start: int, inputs: Tensors, weights: torch.Tensor) -> Tensors:
    """Return the outputs, and on a GPU the gradients of their weighted sum for the inputs, in float64."""
    found = [tensor.detach().requires_grad_(tensor.is_cuda) for tensor in inputs]
    with torch.set_grad_enabled(inputs[0].is_cuda):
        output = method(mask, start, found)
        gradients = torch.autograd.grad((output * weights.to(output.dtype)).sum(), found) if output.is_cuda else ()
    return [tensor.detach().double() for tensor in (output, *gradients)]


@click.command()
def main() -> None:
    """Compare FlexAttention with a dense mask."""
    device, random = "cuda" if torch.cuda.is_available() else "cpu", torch.Generator().manual_seed(0)
    errors: dict[str, float] = {}
    for length in LENGTHS:
        segments = row(length, random).to(device)
        whole = segments.shape[2]
        for name, dtype in DTYPES.items():
            shapes = [(1, heads, whole, CHANNELS) for heads in (HEADS, KEY_HEADS, KEY_HEADS)]
            inputs = [torch.randn(shape, generator=random).to(device, dtype) for shape in shapes]
            for part, start in (("whole", 0), ("divided", whole // 2 + 37)):
                weights = torch.randn(1, HEADS, whole - start, CHANNELS, generator=random).to(device)
                exact_inputs = [tensor.double() for tensor in inputs]
                exact_mask = dense_mask(segments, torch.float64, start)
                exact = results(attend_densely, exact_mask, start, exact_inputs, weights)
                flex_mask = partial_block_mask(segments, start) if start else block_mask(segments)
                flex = results(attend, flex_mask, start, inputs, weights)
                dense = results(attend_densely, dense_mask(segments, dtype, start), start, inputs, weights)
                for method, found in (("flex", flex), ("dense", dense)):
                    for kind, value, right in zip(("output", "query", "key", "value"), found, exact, strict=False):
                        key = f"{part}_{name}_{kind}_{method}"
                        error = float((value - right).abs().nan_to_num(float("inf")).max()) / torch.finfo(dtype).eps
                        errors[key] = max(errors.get(key, 0.0), error)
    record.write("flex_attention", errors, details={"lengths": LENGTHS, "device": device})


if __name__ == "__main__":
    main()
