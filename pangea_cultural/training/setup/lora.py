"""LoRA: low-rank adapters in the language model, through peft."""

import torch
from peft import LoraConfig, LoraModel
from transformers import AutoModel, PreTrainedConfig

from pangea_cultural.errors import unknown
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.recipe import Lora


def attach(model: PackedLlavaNext, lora: Lora, *, seed: int) -> LoraModel:
    """Add trainable adapters to the language model and freeze its own weights. The seed decides their first values."""
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=target_pattern(lora),
    )
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = LoraModel(model, config, "default")
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


def target_pattern(lora: Lora) -> str:
    """Return a regular expression for the full names of the modules that get an adapter."""
    return rf"model\.language_model\..*\.({'|'.join(lora.modules)})"


def merge(adapted: LoraModel) -> PackedLlavaNext:
    """Add the adapters to the model's own weights, and return the model."""
    return adapted.merge_and_unload()
