"""The optimizers of a recipe: how they are made, and what their states take."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch

from pangea_cultural.training.recipe import Optimizer
from pangea_cultural.training.setup.low_memory_adamw import LowMemoryAdamW
from pangea_cultural.training.setup.muon import Muon

MOMENT_BYTES = {"adamw_torch_fused": 8.0, "adamw_bf16": 4.0, "adamw_bnb_8bit": 2 * (1 + 4 / 256)}
"""Bytes of both moments per scalar. bitsandbytes has a float32 scale for each block of 256; it keeps the moments of
embeddings, and of tensors of less than 4,096 scalars, in float32."""


class Trained(NamedTuple):
    """Numbers of trainable parameters."""

    total: int
    embeddings: int
    """Those in input embeddings."""
    matrices: int
    """Those that Muon orthogonalizes."""


Create = Callable[[list[dict[str, Any]], dict[str, Any]], torch.optim.Optimizer]
"""Makes an optimizer from groups of parameters and transformers' options of AdamW."""


def own_optimizer(settings: Optimizer, matrices: Iterable[torch.Tensor]) -> Create | None:
    """Return what makes the optimizer, or None if transformers makes it.

    Args:
        settings: settings of the optimizer.
        matrices: parameters that Muon orthogonalizes.
    """
    if not settings.has_own_optimizer:
        return None
    moments = torch.bfloat16 if settings.optim == "adamw_bf16" else torch.float32
    orthogonal = {id(matrix) for matrix in matrices}

    def create(groups: list[dict[str, Any]], options: dict[str, Any]) -> torch.optim.Optimizer:
        chosen = {name: options[name] for name in ("lr", "betas", "eps")}
        if settings.optim == "muon":
            return Muon(_split(groups, orthogonal), **chosen)
        return LowMemoryAdamW(groups, **chosen, moment_dtype=moments, offload=settings.optim_offload)

    return create


def _split(groups: list[dict[str, Any]], orthogonal: set[int]) -> list[dict[str, Any]]:
    """Return groups of parameters, each divided into matrices that Muon orthogonalizes and others."""
    found = []
    for group in groups:
        for is_matrix in (True, False):
            parameters = [one for one in group["params"] if (id(one) in orthogonal) == is_matrix]
            if parameters:
                found.append(group | {"params": parameters, "is_matrix": is_matrix})
    return found


def trainable_matrices(module: torch.nn.Module, output_embeddings: torch.Tensor) -> list[torch.Tensor]:
    """Return the trainable weights of linear layers, without the output embeddings.

    Rows of embeddings belong to tokens, and many have no gradient in a step. To change them equally would be wrong.
    """
    linears = [part for part in module.modules() if isinstance(part, torch.nn.Linear)]
    return [part.weight for part in linears if part.weight.requires_grad and part.weight is not output_embeddings]


def keep_embeddings_precise(model: torch.nn.Module) -> None:
    """Let bitsandbytes keep the moments of embeddings in float32, as transformers' `Trainer` does.

    Their gradients are sparse and uneven (Dettmers et al., 2021, arXiv 2110.02861). The settings are global, and by the
    position of a parameter, so those of an earlier stage are removed.
    """
    from bitsandbytes.optim import GlobalOptimManager

    manager = GlobalOptimManager.get_instance()
    manager.initialize()
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding) and module.weight.requires_grad:
            manager.register_module_override(module, "weight", {"optim_bits": 32})


def weight_bytes(settings: Optimizer) -> int:
    """Return the bytes of a trainable weight, which are also those of its gradient."""
    dtype: torch.dtype = getattr(torch, settings.weight_dtype)
    return dtype.itemsize


def state_bytes(settings: Optimizer, trained: Trained) -> int:
    """Return the bytes of the moments, on the device or in main memory."""
    if settings.optim == "muon":
        return 8 * trained.total - 4 * trained.matrices
    precise = trained.embeddings if settings.optim == "adamw_bnb_8bit" else 0
    return round(MOMENT_BYTES[settings.optim] * (trained.total - precise)) + 8 * precise
