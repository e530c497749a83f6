"""Weights of a trained stage, gathered from the devices."""

import torch
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from pangea_cultural.training.loop.trainer import StageTrainer
from pangea_cultural.training.setup import lora
from pangea_cultural.training.setup.objectives import StageSetup


def trained_weights(setup: StageSetup, trainer: StageTrainer) -> dict[str, torch.Tensor]:
    """Return the trained parameters on the CPU, by their names in the model, with adapters merged.

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
    if setup.adapted is not None:
        lora.merge(setup.adapted)
    parameters = dict(setup.model.named_parameters())
    return {name: parameters[name].detach().cpu().contiguous() for name in setup.trainable}
