"""Trainable parameters, adapters and collator of a stage, by its objective."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import PartialState
from peft import LoraModel
from transformers import LlavaNextProcessor

from pangea_cultural.errors import UserError
from pangea_cultural.model import build
from pangea_cultural.model.attention.masks import row_multiple
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.batching.augment import Augmentation
from pangea_cultural.training.batching.collate import CaptionCollator, Collator
from pangea_cultural.training.batching.training_data import TrainingData
from pangea_cultural.training.recipe import Recipe, Stage
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.base_model import attn_implementation
from pangea_cultural.training.setup.compilation import compile_layers
from pangea_cultural.training.setup.contrastive import Contrastive
from pangea_cultural.training.setup.precision import compute_dtype
from pangea_cultural.training.setup.quantization import quantize
from pangea_cultural.training.setup.recomputation import recompute_activations


@dataclass(frozen=True)
class StageSetup:
    """A model prepared for one stage.

    Args:
        model: the full model.
        module: the module to train: the model, or a wrapper around a part of it.
        trainable: names of the model's trainable parameters, with adapters.
        frozen: modules that stay in evaluation mode.
        collator: makes micro-batches.
        adapted: the model with LoRA adapters; None without adapters.
    """

    model: PackedLlavaNext
    module: torch.nn.Module
    trainable: list[str]
    frozen: list[torch.nn.Module]
    collator: Callable[..., dict[str, Any]]
    adapted: LoraModel | None = None


def set_up(
    recipe: Recipe,
    stage: Stage,
    data: TrainingData,
    model: PackedLlavaNext,
    processor: LlavaNextProcessor,
    *,
    row_parts: int = 1,
) -> StageSetup:
    """Freeze parts of a model, quantize it, add adapters or a contrastive head, and choose the collator.

    Args:
        recipe: the recipe. Its seed is that of adapters, head and augmentation.
        stage: the stage to prepare for.
        data: the training data.
        model: the model, changed in place.
        processor: its processor.
        row_parts: processes that divide each row between them.

    Raises:
        UserError: there is nothing to learn: no image has a name for `contrastive`, or no question has an image.
    """
    freeze(model, stage)
    if recipe.model.load_in_4bit:
        _quantize(model, recipe)
    augmentation = Augmentation(f"{recipe.seed} {stage.name}") if stage.augment_images else None
    if stage.objective == "sft":
        setup = _set_up_sft(stage, recipe.seed, data, model, processor, augmentation, row_parts)
    else:
        setup = _set_up_contrastive(stage, recipe.seed, data, model, processor, augmentation)
    cast_trainable(setup.module, getattr(torch, stage.optimizer.weight_dtype))
    _unify_vision_dtype(model)
    recompute_activations(model, stage)
    compile_layers(model, enabled=data.recipe.model.torch_compile)
    return setup


def _quantize(model: PackedLlavaNext, recipe: Recipe) -> None:
    quantize(
        model,
        double_quantization=recipe.model.bnb_4bit_use_double_quant,
        compute_dtype=compute_dtype(recipe),
        device=PartialState().device,
    )


def freeze(model: PackedLlavaNext, stage: Stage) -> None:
    """Make the trainable parts of a stage trainable, and freeze the others."""
    for part, parameters in build.parameter_groups(model).items():
        for parameter in parameters:
            parameter.requires_grad_(part in stage.trainable)
    for parameter in build.unused_vision_parameters(model):
        parameter.requires_grad_(False)


def _set_up_sft(
    stage: Stage,
    seed: int,
    data: TrainingData,
    model: PackedLlavaNext,
    processor: LlavaNextProcessor,
    augmentation: Augmentation | None,
    row_parts: int,
) -> StageSetup:
    if "language_model" not in stage.trainable and data.num_images == data.num_broken_images:
        raise UserError(
            f"Stage {stage.name} trains only {' and '.join(stage.trainable)}, but no question has an image. Add a "
            "source with images, or remove the stage."
        )
    adapted = lora.attach(model, stage.lora, seed=seed) if stage.lora else None
    trainable = _trainable_names(model)
    collator = Collator(
        processor,
        keys=data.loss_key_indices,
        weighting=stage.loss_weighting,
        augmentation=augmentation,
        pad_to_multiple_of=row_multiple(attn_implementation(data.recipe.model), row_parts),
        row_parts=row_parts,
    )
    return StageSetup(model, model, trainable, _frozen_modules(model, stage), collator, adapted)


def _set_up_contrastive(
    stage: Stage,
    seed: int,
    data: TrainingData,
    model: PackedLlavaNext,
    processor: LlavaNextProcessor,
    augmentation: Augmentation | None,
) -> StageSetup:
    # Names are embedded by the language model's input embeddings, its only trainable part.
    model.get_input_embeddings().weight.requires_grad_(True)
    captions = data.captions()
    if not captions:
        raise UserError(
            f"Stage {stage.name} is contrastive, but no image has an English name. Add questions of property `label`."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = Contrastive(model, processor.tokenizer, captions)
    collator = CaptionCollator(processor, captions, data.loss_key_indices, augmentation)
    return StageSetup(model, module, _trainable_names(model), _frozen_modules(model, stage), collator)


def _trainable_names(model: PackedLlavaNext) -> list[str]:
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def _frozen_modules(model: PackedLlavaNext, stage: Stage) -> list[torch.nn.Module]:
    return [] if "vision_tower" in stage.trainable else [model.model.vision_tower]


def cast_trainable(module: torch.nn.Module, dtype: torch.dtype = torch.float32) -> None:
    """Cast trainable parameters: bfloat16 has 8 bits of precision, which would round small updates to zero."""
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)


def _unify_vision_dtype(model: PackedLlavaNext) -> None:
    """Cast the vision tower to float32 if this stage or an earlier one trains it.

    Its last layers are computed, though not read, and CPU kernels do not mix dtypes. A resumed run has loaded only the
    trained layers of earlier stages, in float32.
    """
    vision_tower = model.model.vision_tower
    if any(parameter.dtype == torch.float32 for parameter in vision_tower.parameters()):
        vision_tower.float()
