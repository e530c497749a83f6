"""The dtype of matrix products on this machine."""

from typing import Literal

import torch

from pangea_cultural.errors import UserError
from pangea_cultural.training.recipe import Recipe

MixedPrecision = Literal["no", "bf16", "fp16"]
"""transformers' names. With `fp16` the loss is scaled, so that small gradients are not rounded to zero."""
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def mixed_precision(recipe: Recipe) -> MixedPrecision:
    """Return the mixed precision of a recipe on this machine.

    Raises:
        UserError: the machine lacks the dtype that the recipe asks for.
    """
    dtype = recipe.model.dtype
    if not torch.cuda.is_available():
        if dtype == "float16":
            raise UserError('dtype = "float16" needs a GPU. Set model.dtype = "float32" or "bfloat16".')
        return "bf16" if dtype == "bfloat16" else "no"
    # By default torch counts the slow emulation on older GPUs as support.
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return "fp16" if dtype == "float16" else "bf16"
    if dtype == "bfloat16":
        raise UserError(f'{torch.cuda.get_device_name()} has no bfloat16. Set model.dtype = "float16" or "float32".')
    if recipe.is_sharded:
        raise UserError(
            f"{torch.cuda.get_device_name()} has no bfloat16, and float16 cannot be sharded. "
            'Use parallelism = "ddp" without deepspeed.'
        )
    return "fp16"


def compute_dtype(recipe: Recipe) -> torch.dtype:
    """Return the dtype of matrix products."""
    dtype: torch.dtype = getattr(torch, recipe.model.dtype)
    return DTYPES.get(mixed_precision(recipe), dtype)
