"""LoRA: low-rank adapters in the language model, through peft."""

import torch
from peft import LoraConfig, LoraModel

from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.recipe import Lora


def attach(model: PackedLlavaNext, lora: Lora, *, seed: int) -> LoraModel:
    """Put adapters into the language model; they learn, its own weights do not. The same seed gives the same ones."""
    settings = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets(lora),
    )
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = LoraModel(model, settings, "default")
    # peft freezes all that is no adapter; the projector, where it learns, goes on learning.
    language_model = {id(parameter) for parameter in model.model.language_model.parameters()} | {
        id(model.lm_head.weight)
    }
    for parameter in learning:
        if id(parameter) not in language_model:
            parameter.requires_grad_(True)
    return adapted


def targets(lora: Lora) -> str:
    """A pattern for the whole name of a module that gets an adapter."""
    return rf"model\.language_model\..*\.({'|'.join(lora.modules)})"


def merge(adapted: LoraModel) -> PackedLlavaNext:
    """The model with its adapters added to its own weights."""
    return adapted.merge_and_unload()
