"""Weights of trained stages: gathered from the devices, and added to a model."""

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState
from safetensors.torch import load_file
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.loop import checkpoints
from pangea_cultural.training.loop.trainer import StageTrainer
from pangea_cultural.training.recipe import Model, Stage
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.objectives import StageSetup
from pangea_cultural.training.setup.quantization import round_to_4_bits


def trained_weights(setup: StageSetup, trainer: StageTrainer) -> dict[str, torch.Tensor]:
    """Return the trained parameters on the CPU, by their names in the model. Adapters are removed from the model.

    Every process has to call this. Only the main process gets all parameters of a sharded model.
    """
    if trainer.is_fsdp_enabled:
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        state = get_model_state_dict(trainer.model, options=options)
        return {name: state[name] for name in setup.trainable if name in state}
    if trainer.is_deepspeed_enabled:
        state = trainer.accelerator.get_state_dict(trainer.deepspeed) or {}
        unset_hf_deepspeed_config()  # or transformers would shard the next model at once
        return {name: state[name].cpu().contiguous() for name in setup.trainable if name in state}
    # Remove autocast from the forward pass, and the mark that accelerate has added it: the next stage adds its own.
    trainer.accelerator.unwrap_model(setup.module, keep_fp32_wrapper=False)
    setup.module._is_accelerate_prepared = False
    parameters = dict(setup.model.named_parameters())
    weights = {name: parameters[name].detach().cpu().contiguous() for name in setup.trainable}
    if setup.adapted is not None:
        lora.detach(setup.adapted)
    return weights


def apply(model: PackedLlavaNext, stages: Sequence[tuple[Stage, Path]], dtype: torch.dtype) -> None:
    """Add the trained weights of stages to a model.

    Adapters are merged at the end, in float32, and the sums are rounded once. A layer that a later stage has trained
    contains the adapters of earlier ones.

    Args:
        model: the model as it is before these stages, with its full weights; changed in place.
        stages: stages in order, with the files of their weights. Files of earlier versions have merged adapters.
        dtype: dtype of layers with merged adapters.
    """
    adapters: list[dict[str, lora.Adapter]] = []
    for stage, file in stages:
        found, weights = lora.split(load_file(file), stage.lora)
        checkpoints.load_parameters(model, weights)
        adapters = [{name: one[name] for name in one if f"{name}.weight" not in weights} for one in adapters] + [found]
    lora.merge(model, adapters, dtype)


def apply_on_4_bits(
    model: PackedLlavaNext, stage: Stage, file: Path, settings: Model, dtype: torch.dtype, *, is_last: bool
) -> None:
    """Add the trained weights of a stage whose language model was quantized to a model.

    Adapters are added to the 4-bit weights that they were trained with, not to the full ones: their sum computes what
    validation has seen. On the tiny model, sums with full weights had a KL divergence of 0.021 from it.

    Args:
        model: the model as it is before the stage, with its full weights; changed in place.
        stage: the stage.
        file: file of its weights.
        settings: settings of the model.
        dtype: dtype of layers with merged adapters.
        is_last: whether no stage follows. Then layers without adapters get 4-bit weights as well.
    """
    adapters, _ = lora.split(load_file(file), stage.lora)
    double = settings.bnb_4bit_use_double_quant
    chosen = None if is_last else adapters
    round_to_4_bits(model, chosen, double_quantization=double, device=PartialState().device)
    apply(model, [(stage, file)], dtype)
