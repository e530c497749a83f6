"""LoRA: low-rank adapters in the language model, through peft."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from peft import LoraConfig, LoraModel
from transformers import AutoModel, PreTrainedConfig

from pangea_cultural.errors import unknown
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.recipe import Lora

FIRST, SECOND = ".lora_A.default.weight", ".lora_B.default.weight"
"""Ends of the names of adapters in peft's modules."""


def attach(model: PackedLlavaNext, lora: Lora, *, seed: int) -> LoraModel:
    """Add trainable adapters to the language model and freeze its own weights. The seed decides their first values."""
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=target_pattern(lora.modules),
    )
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.is_loaded_in_4bit = any("4bit" in type(module).__name__ for module in model.modules())  # peft reads this
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = LoraModel(model, config, "default")
    del model.is_loaded_in_4bit
    # peft freezes everything but adapters. Other trainable parts, such as the projector, stay trainable.
    language_model = {id(parameter) for parameter in model.model.language_model.parameters()} | {
        id(model.lm_head.weight)
    }
    for parameter in trainable:
        if id(parameter) not in language_model:
            parameter.requires_grad_(True)
    return adapted


def require_modules(lora: Lora, text: PreTrainedConfig) -> None:
    """Check that a language model has the modules that get adapters. peft ignores some unknown ones.

    Raises:
        UserError: a module is not a linear layer of the model.
    """
    with torch.device("meta"):
        model = AutoModel.from_config(text)
    names = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    for wanted in lora.modules:
        if not any(f".{name}".endswith(f".{wanted}") for name in names):
            raise unknown("LoRA module", wanted, {name.rpartition(".")[2] for name in names})


def target_pattern(modules: Iterable[str]) -> str:
    """Return a regular expression for the full names of the modules that get an adapter."""
    return rf"model\.language_model\..*\.({'|'.join(modules)})"


def detach(adapted: LoraModel) -> PackedLlavaNext:
    """Remove the adapters, and return the model with its own weights."""
    return adapted.unload()


class Adapter(NamedTuple):
    """An adapter of a linear layer: the layer's weights change by `scale * second @ first`."""

    first: torch.Tensor
    """[rank, inputs]"""
    second: torch.Tensor
    """[outputs, rank]"""
    scale: float

    def to(self, device: torch.device) -> "Adapter":
        """Return the adapter on a device."""
        return Adapter(self.first.to(device), self.second.to(device), self.scale)

    @property
    def change(self) -> torch.Tensor:
        """[outputs, inputs], in float32."""
        return self.second.float() @ self.first.float() * self.scale


def split(weights: dict[str, torch.Tensor], lora: Lora | None) -> tuple[dict[str, Adapter], dict[str, torch.Tensor]]:
    """Split the trained weights of a stage into adapters, by the name of their module, and other weights."""
    if lora is None:
        return {}, weights
    modules = [name.removesuffix(FIRST) for name in weights if name.endswith(FIRST)]
    adapters = {
        name: Adapter(weights[name + FIRST], weights[name + SECOND], lora.alpha / lora.rank) for name in modules
    }
    return adapters, {name: value for name, value in weights.items() if not name.endswith((FIRST, SECOND))}


def merge(model: PackedLlavaNext, adapters: Iterable[dict[str, Adapter]], dtype: torch.dtype) -> None:
    """Add adapters to the model's own weights, in float32. The sums are rounded once, to `dtype`.

    Args:
        model: the model, changed in place, one layer at a time.
        adapters: adapters of each stage, by the name of their module.
        dtype: dtype of the changed weights.
    """
    stages = list(adapters)
    for name in dict.fromkeys(name for stage in stages for name in stage):
        weight = model.get_submodule(name).weight
        merged = weight.data.float()
        for stage in stages:
            if name in stage:
                merged = merged + stage[name].to(merged.device).change
        weight.data = merged.to(dtype)
