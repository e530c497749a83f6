"""Estimated GPU memory of a stage. Nothing is allocated.

Estimates assume a GPU with bfloat16 autocast. The parts do not all peak at the same moment, so their sum is slightly
too high. Memory of CUDA, NCCL and fragmentation is not included.
"""

import torch

from pangea_cultural.model.build import parameter_groups
from pangea_cultural.training.estimate.activations import FLEX_SHAPES, ForwardPass
from pangea_cultural.training.estimate.stage_model import StageModel, count
from pangea_cultural.training.estimate.workload import MicroBatchShape, StepShape
from pangea_cultural.training.setup.base_model import planned_attention

LOGIT_BYTES = 12
"""Bytes per logit in the backward pass of cross-entropy: saved, gradient and logit, in float32."""


def memory(model: StageModel, step: StepShape) -> dict[str, int]:
    """Return the peak bytes on a device, by purpose, with their `total`.

    A trainable parameter has its weight, its gradient and AdamW's two moments in float32; a frozen one has its weight
    in the recipe's dtype. `parallelism = "fsdp"` divides these among the devices, as ZeRO's third stage does
    (Rajbhandari et al., 2020, arXiv 1910.02054).
    """
    trainable, frozen = model.total
    sharded = model.recipe.parallelism == "fsdp" and step.devices > 1
    shards = step.devices if sharded else 1
    frozen_bytes = getattr(torch, model.recipe.model.dtype).itemsize
    parts = {
        "weights": (4 * trainable + frozen_bytes * frozen) // shards,
        # DDP copies gradients to buckets (see torch's `gradient_as_bucket_view`).
        "gradients": 4 * trainable // shards * (2 if step.devices > 1 and not sharded else 1),
        "optimizer": 8 * trainable // shards,
        "copies": _gathered_bytes(model) if sharded else _autocast_bytes(model),
        **_micro_batch_bytes(model, step.largest, sharded),
    }
    return parts | {"total": sum(parts.values())}


def _gathered_bytes(model: StageModel) -> int:
    """Return the bytes of gathered bfloat16 weights under accelerate's `fsdp2_prepare_model`.

    Vision tower and projector are always gathered. The output embeddings, the current layer and the next layer are
    gathered with their gradients.
    """
    groups = parameter_groups(model.model)
    layer = count(model.model.model.language_model.layers[0].parameters())
    always = count(groups["vision_tower"]) + count(groups["projector"])
    return 2 * (always + 2 * model.model.lm_head.weight.numel() + 4 * layer)


def _autocast_bytes(model: StageModel) -> int:
    """Return the bytes of bfloat16 weights under torch.autocast.

    It caches casts of trainable weights until the forward pass ends. Autograd saves casts of frozen float32 layers that
    gradients pass through.
    """
    stage, cast = model.stage, model.total.trainable
    if model.parameters["language_model"].trainable >= model.num_embeddings:
        cast -= model.num_embeddings  # looked up, not multiplied
    if stage.objective == "sft" and not model.trains("language_model") and model.recipe.model.dtype == "float32":
        layers = model.model.config.text_config.num_hidden_layers
        kept = layers - stage.memory.recomputed_layers(layers)
        cast += model.num_decoder_parameters * kept // layers
    return 2 * cast


def _micro_batch_bytes(model: StageModel, batch: MicroBatchShape, sharded: bool) -> dict[str, int]:
    """Return the bytes that grow with the micro-batch."""
    with torch.autocast("cpu", torch.bfloat16):
        vision_tower = _forward_pass(model, "vision_tower", sharded).vision_tower_bytes(batch.tiles)
        if model.stage.objective == "contrastive":
            return {"activations": 0, "vision_tower": vision_tower, "logits": 0}
        language_model = _forward_pass(model, "language_model", sharded)
        activations = language_model.language_model_bytes(batch.rows, batch.length)
        activations += language_model.gradient_bytes(batch.rows, batch.length)
        if {"vision_tower", "projector"} & set(model.stage.trainable):
            activations += _forward_pass(model, "projector", sharded).projector_bytes(batch.tiles)
    logits = LOGIT_BYTES * batch.targets * model.model.config.text_config.vocab_size
    return {"activations": activations, "vision_tower": vision_tower, "logits": logits}


def _forward_pass(model: StageModel, part: str, sharded: bool) -> ForwardPass:
    trainable, attention = model.trains(part), planned_attention(model.recipe.model)
    layers = model.model.config.text_config.num_hidden_layers
    recomputed = {
        "vision_tower": model.recomputed_vision_layers,
        "language_model": model.stage.memory.recomputed_layers(layers),
    }
    # FSDP computes with weights in bfloat16.
    narrow = sharded or (not trainable and model.recipe.model.dtype == "bfloat16")
    return ForwardPass(
        model.model.config,
        torch.bfloat16 if narrow else torch.float32,
        trainable,
        recomputed=recomputed.get(part, 0),
        lora=model.stage.lora,
        attn_implementation=FLEX_SHAPES if attention == "flex_attention" else attention,
    )
