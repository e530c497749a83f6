"""The optimizers of a recipe: how they are made, and what their states take."""

from collections.abc import Callable
from typing import Any

import torch

from pangea_cultural.training.recipe import Optimizer
from pangea_cultural.training.setup.low_memory_adamw import LowMemoryAdamW

MOMENT_BYTES = {"adamw_torch_fused": 8.0, "adamw_bf16": 4.0, "adamw_bnb_8bit": 2 * (1 + 4 / 256)}
"""Bytes of both moments per scalar. bitsandbytes has a float32 scale for each block of 256; it keeps the moments of
embeddings, and of tensors of less than 4,096 scalars, in float32."""
Create = Callable[[list[dict[str, Any]], dict[str, Any]], torch.optim.Optimizer]
"""Makes an optimizer from groups of parameters and transformers' options of AdamW."""


def own_optimizer(settings: Optimizer) -> Create | None:
    """Return what makes the optimizer, or None if transformers makes it."""
    if not settings.has_own_optimizer:
        return None
    moments = torch.bfloat16 if settings.optim == "adamw_bf16" else torch.float32

    def create(groups: list[dict[str, Any]], options: dict[str, Any]) -> torch.optim.Optimizer:
        chosen = {name: options[name] for name in ("lr", "betas", "eps")}
        return LowMemoryAdamW(groups, **chosen, moment_dtype=moments, offload=settings.optim_offload)

    return create


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


def state_bytes(settings: Optimizer, trainable: int, embeddings: int) -> int:
    """Return the bytes of the moments, on the device or in main memory.

    Args:
        settings: settings of the optimizer.
        trainable: number of trainable scalars.
        embeddings: number of those that are in input embeddings.
    """
    precise = embeddings if settings.optim == "adamw_bnb_8bit" else 0
    return round(MOMENT_BYTES[settings.optim] * (trainable - precise)) + 8 * precise
