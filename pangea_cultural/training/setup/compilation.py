"""torch.compile, for each layer of the model.

A layer's forward method is replaced, not the layer. So parameters keep their names, hooks of FSDP stay outside, and
checkpoints are those of a model without compilation. Layers of one class share their compiled code.
"""

import functools
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import torch

from pangea_cultural.errors import UserError
from pangea_cultural.model.modeling import PackedLlavaNext

BACKEND: Any = "inductor"
"""Backend of torch.compile."""


def compile_layers(model: PackedLlavaNext, *, enabled: bool) -> None:
    """Compile the layers of language model and vision tower when they are first used; undo it if not `enabled`."""
    for layer in (*model.model.language_model.layers, *model.model.vision_tower.encoder.layers):
        layer.__dict__.pop("forward", None)
        if enabled:
            layer.forward = _compiled(layer.forward)


def _compiled(plain: Callable[..., Any]) -> Callable[..., Any]:
    compiled = torch.compile(plain, backend=BACKEND)

    @functools.wraps(plain)
    def forward(*args: Any, **options: Any) -> Any:
        # Generation extends its cache with every token. Each length would be compiled.
        return (compiled if options.get("past_key_values") is None else plain)(*args, **options)

    return forward


def require_compiler() -> None:
    """Check that there is a compiler for the code that torch.compile writes: C++ for CPUs, Triton's C for GPUs.

    Raises:
        UserError: there is none.
    """
    if torch.cuda.is_available():
        names = [os.environ.get("CC", ""), "gcc", "clang", "cc"]
    else:
        names = [os.environ.get("CXX", "") or ("clang++" if sys.platform == "darwin" else "g++")]
    if not any(name and shutil.which(name) for name in names):
        raise UserError("torch_compile needs a C++ compiler. Install one, such as g++, or remove torch_compile.")
