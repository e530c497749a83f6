"""The adapters of a training as an adapter of peft, beside the merged model.

The adapters of several stages become one: their ranks add up. Other trained weights, such as the projector's, are in
the same file under the names of the base model, where `PeftModel` loads them. vLLM refuses such a file, which is right:
it would serve adapters without the projector that they were trained with.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.setup import lora

FOLDER = "adapter"
"""Folder of the adapter in a checkpoint."""
PREFIX = "base_model.model."
"""Beginning of the names of weights in peft's files."""


def has_adapter(recipe: Recipe) -> bool:
    """Return whether the result differs from a base checkpoint by adapters and other weights of moderate size.

    It does not if a stage has trained the language model itself, or if there is no single base checkpoint. A second
    stage with adapters on 4-bit weights has quantized the sums with the adapters of the first.
    """
    whole = any("language_model" in stage.trainable and not stage.lora for stage in recipe.stages)
    number = sum(stage.lora is not None for stage in recipe.stages)
    return bool(recipe.model.checkpoint) and not whole and 0 < number <= (1 if recipe.model.load_in_4bit else number)


def write(stages: Sequence[tuple[Stage, Path]], folder: Path, *, base: str) -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors`, unless an earlier version has merged the adapters.

    Args:
        stages: stages in order, with the files of their weights.
        folder: folder of the adapter; created.
        base: name of the base checkpoint.
    """
    weights: dict[str, torch.Tensor] = {}
    parts: dict[str, list[lora.Adapter]] = {}
    for stage, file in stages:
        found, others = lora.split(load_file(file), stage.lora)
        if stage.lora and not found:
            return
        weights |= {PREFIX + name: value.float() for name, value in others.items()}
        for name, adapter in found.items():
            parts.setdefault(name, []).append(adapter)
    # peft has one rank for all modules, or patterns. Modules that fewer stages adapt are filled up with zeros.
    rank = max(sum(part.first.shape[0] for part in adapters) for adapters in parts.values())
    for name, adapters in parts.items():
        first = torch.cat([part.first.float() for part in adapters])
        second = torch.cat([part.second.float() * part.scale for part in adapters], dim=1)
        missing = rank - first.shape[0]
        weights[f"{PREFIX}{name}.lora_A.weight"] = torch.nn.functional.pad(first, (0, 0, 0, missing))
        weights[f"{PREFIX}{name}.lora_B.weight"] = torch.nn.functional.pad(second, (0, missing))
    modules = {module for stage, _ in stages if stage.lora for module in stage.lora.modules}
    config = LoraConfig(
        r=rank,
        lora_alpha=rank,  # the scales of the stages are in the second factor
        target_modules=lora.target_pattern(sorted(modules)),
        base_model_name_or_path=base,
        inference_mode=True,
    )
    config.save_pretrained(str(folder))
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "adapter_model.safetensors")
