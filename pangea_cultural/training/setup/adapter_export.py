"""The adapters of a training as an adapter of peft, beside the merged model.

The adapters of several stages become one: their ranks add up. Other trained weights, such as the projector's, are in
the same file under the names of the base model, where `PeftModel` loads them. vLLM refuses such a file, which is right:
it would serve adapters without the projector that they were trained with. In a file of their own they would be lost
with `PeftModel` as well. vLLM loads the file of a training of adapters alone as it is.
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


def trains_adapters(recipe: Recipe) -> bool:
    """Return whether a stage trains adapters."""
    return any(stage.lora for stage in recipe.stages)


def obstacle(recipe: Recipe) -> str:
    """Return why the adapters of a training cannot be written; empty if they can.

    The result has to differ from a single base checkpoint by adapters and other weights of moderate size.
    """
    adapted = [stage.name for stage in recipe.stages if stage.lora]
    whole = [stage.name for stage in recipe.stages if "language_model" in stage.trainable and not stage.lora]
    if whole:
        return f"stage {whole[0]} trains the language model itself"
    if not recipe.model.checkpoint:
        return "the recipe has no base checkpoint"
    if recipe.model.load_in_4bit and len(adapted) > 1:
        return f"stage {adapted[1]} quantizes the sums of weights and earlier adapters"
    return ""


def note(reason: str) -> str:
    """Return the line that says why a training writes no adapter."""
    return f"No folder `{FOLDER}`: {reason}. The model has the adapters merged."


def write(recipe: Recipe, stages: Sequence[tuple[Stage, Path]], folder: Path, *, base: str) -> str:
    """Write `adapter_config.json` and `adapter_model.safetensors` if a stage has trained adapters.

    Args:
        recipe: the recipe.
        stages: its stages in order, with the files of their weights.
        folder: folder of the adapter; created.
        base: name of the base checkpoint.

    Returns:
        Why adapters that were trained are not written; empty otherwise.
    """
    if not trains_adapters(recipe):
        return ""
    if reason := obstacle(recipe):
        return reason
    weights: dict[str, torch.Tensor] = {}
    parts: dict[str, list[lora.Adapter]] = {}
    for stage, file in stages:
        found, others = lora.split(load_file(file), stage.lora)
        if stage.lora and not found:
            return f"an earlier version has merged those of stage {stage.name}"
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
    return ""
