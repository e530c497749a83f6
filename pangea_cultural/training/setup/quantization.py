"""4-bit weights of the language model (QLoRA; Dettmers et al., 2023, arXiv 2305.14314), through bitsandbytes."""

from collections.abc import Container, Iterator
from importlib.util import find_spec

import torch

from pangea_cultural.errors import UserError
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.recipe import Recipe

BLOCK = 64
"""Weights that share a scale."""
BLOCK_OF_SCALES = 256
"""Scales that share a scale, with double quantization."""


def require_bitsandbytes(recipe: Recipe) -> None:
    """Check that bitsandbytes is installed if a recipe needs it.

    Raises:
        UserError: it is not.
    """
    needs = [f'optim = "{stage.optimizer.optim}"' for stage in recipe.stages if "bnb" in stage.optimizer.optim]
    needs += ["load_in_4bit"] if recipe.model.load_in_4bit else []
    if needs and find_spec("bitsandbytes") is None:
        raise UserError(f'{needs[0]} needs bitsandbytes. Run `pip install "pangea-cultural[low-memory]"`.')


def linears(model: PackedLlavaNext) -> Iterator[tuple[str, torch.nn.Linear]]:
    """Yield the linear layers to quantize, with their names. Embeddings and output embeddings are not among them."""
    layers = model.model.language_model.layers
    for name, module in layers.named_modules():
        if isinstance(module, torch.nn.Linear):
            yield f"model.language_model.layers.{name}", module


def quantize(
    model: PackedLlavaNext, *, double_quantization: bool, compute_dtype: torch.dtype, device: torch.device
) -> None:
    """Replace the linear layers of the language model by NF4 ones on a device, one by one.

    Args:
        model: the model, changed in place. Its other layers stay where they are.
        double_quantization: whether scales are quantized as well.
        compute_dtype: dtype of matrix products.
        device: device of the quantized layers.
    """
    for name, linear in list(linears(model)):
        parent, _, child = name.rpartition(".")
        layer = _quantized(linear, double_quantization=double_quantization, compute_dtype=compute_dtype)
        setattr(model.get_submodule(parent), child, layer.to(device))


def round_to_4_bits(
    model: PackedLlavaNext, names: Container[str] | None, *, double_quantization: bool, device: torch.device
) -> None:
    """Give linear layers the weights that `quantize` computes with, in their own dtype.

    Args:
        model: the model, with full weights; changed in place.
        names: names of the layers; None for all that `quantize` replaces.
        double_quantization: as in `quantize`.
        device: as in `quantize`; kernels of devices may round differently.
    """
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    for name, linear in linears(model):
        if names is None or name in names:
            weight = linear.weight.data.to(device)
            options = {"blocksize": BLOCK, "compress_statistics": double_quantization, "quant_type": "nf4"}
            linear.weight.data = dequantize_4bit(*quantize_4bit(weight, **options)).to(linear.weight.device)


def _quantized(linear: torch.nn.Linear, *, double_quantization: bool, compute_dtype: torch.dtype) -> torch.nn.Module:
    """Return a layer that bitsandbytes quantizes when it is moved to a device."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    with torch.device("meta"):
        layer = Linear4bit(linear.in_features, linear.out_features, bias=False, compute_dtype=compute_dtype)
    layer.weight = Params4bit(
        linear.weight.data,
        requires_grad=False,
        blocksize=BLOCK,
        compress_statistics=double_quantization,
        quant_type="nf4",
        module=layer,
    )
    if linear.bias is not None:
        layer.bias = torch.nn.Parameter(linear.bias.data, requires_grad=False)
    # In evaluation mode bitsandbytes would repack weights for CPUs with AVX512-BF16, and compute with rounded scales.
    layer.support_avx512bf16_for_cpu = False
    return layer


def bytes_per_weight(*, double_quantization: bool) -> float:
    """Return the bytes of a quantized weight with its share of scales.

    A block has a float32 scale, or with double quantization one of 8 bits and a float32 scale per 256 of these.
    """
    scale = 1 + 4 / BLOCK_OF_SCALES if double_quantization else 4
    return 0.5 + scale / BLOCK


def full_size(parameter: torch.nn.Parameter) -> int:
    """Return the number of weights of a parameter, which may be quantized."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(state.shape.numel())
