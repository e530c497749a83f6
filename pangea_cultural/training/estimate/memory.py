"""Estimated GPU memory of a stage. Nothing is allocated.

Estimates assume a GPU with bfloat16 autocast. The parts do not all peak at the same moment, so their sum is slightly
too high. Memory of CUDA, NCCL and fragmentation is not included.
"""

import torch

from pangea_cultural.model.build import parameter_groups
from pangea_cultural.model.config import head_size
from pangea_cultural.training.estimate.activations import FLEX_SHAPES, ForwardPass
from pangea_cultural.training.estimate.stage_model import StageModel, count
from pangea_cultural.training.estimate.workload import MicroBatchShape, StepShape
from pangea_cultural.training.setup.base_model import planned_attention
from pangea_cultural.training.setup.optimizers import state_bytes, weight_bytes
from pangea_cultural.training.setup.quantization import bytes_per_weight, linears

LOGIT_BYTES = 12
"""Bytes per logit in the backward pass of cross-entropy: saved, gradient and logit, in float32."""


def memory(model: StageModel, step: StepShape) -> dict[str, int]:
    """Return the peak bytes on a device, by purpose, with their `total`.

    A trainable parameter has its weight, its gradient and the optimizer's moments, in float32 unless its settings say
    otherwise. A frozen one has its weight in the recipe's dtype, or in 4 bits with its share of scales.
    `parallelism = "fsdp"` divides these among the devices, as ZeRO's third stage does
    (Rajbhandari et al., 2020, arXiv 1910.02054).
    """
    trainable, frozen = model.total
    sharded = model.recipe.parallelism == "fsdp" and step.devices > 1
    shards = step.devices if sharded else 1
    settings, scalar = model.stage.optimizer, weight_bytes(model.stage.optimizer)
    frozen_bytes = getattr(torch, model.recipe.model.dtype).itemsize * (frozen - model.num_quantized)
    frozen_bytes += round(_quantized_bytes(model))
    parts = {
        "weights": (scalar * trainable + frozen_bytes) // shards,
        # DDP copies gradients to buckets (see torch's `gradient_as_bucket_view`).
        "gradients": scalar * trainable // shards * (2 if step.devices > 1 and not sharded else 1),
        "optimizer": 0 if settings.optim_offload else _moment_bytes(model) // shards,
        "copies": _gathered_bytes(model) if sharded else _autocast_bytes(model),
        **_micro_batch_bytes(model, step.largest, sharded),
    }
    return parts | {"total": sum(parts.values())}


def offloaded_bytes(model: StageModel) -> int:
    """Return the bytes of the moments that a process keeps in main memory."""
    return _moment_bytes(model) if model.stage.optimizer.optim_offload else 0


def _moment_bytes(model: StageModel) -> int:
    return state_bytes(model.stage.optimizer, model.trained)


def _quantized_bytes(model: StageModel) -> float:
    double = model.recipe.model.bnb_4bit_use_double_quant
    return model.num_quantized * bytes_per_weight(double_quantization=double)


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

    It caches casts of trainable float32 weights until the forward pass ends. Autograd saves casts of frozen float32
    layers that gradients pass through. Of quantized layers, one at a time is computed with its weights in bfloat16.
    """
    if model.num_quantized:
        widest = max(linear.weight.numel() for _, linear in linears(model.model))
        return 2 * (model.total.trainable + widest)
    if model.stage.optimizer.weight_dtype == "bfloat16":
        return 0
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
        activations += _divided_row_bytes(model, batch)
        if {"vision_tower", "projector"} & set(model.stage.trainable):
            activations += _forward_pass(model, "projector", sharded).projector_bytes(batch.tiles)
    logits = LOGIT_BYTES * batch.targets * model.model.config.text_config.vocab_size
    return {"activations": activations, "vision_tower": vision_tower, "logits": logits}


def _divided_row_bytes(model: StageModel, batch: MicroBatchShape) -> int:
    """Return the bytes that a device needs beyond its own positions, if several devices divide a row; else 0.

    These are keys and values of the positions before its own in the same group, in each layer that keeps its
    activations, a dense mask of these positions, keys and values of the whole row in the layer at work, with their
    gradients in float32, and the embeddings of the whole row, with the features of its images and with gradients.
    """
    if batch.parts == 1:
        return 0
    text, layers = model.model.config.text_config, model.model.config.text_config.num_hidden_layers
    heads, kept = text.num_attention_heads, layers - model.stage.memory.recomputed_layers(layers) + 1
    is_dense = planned_attention(model.recipe.model) != "flex_attention"
    # transformers repeats keys and values for each head, or not (see `activations`).
    seen_heads = heads if is_dense or heads & (heads - 1) else text.num_key_value_heads
    seen = kept * batch.rows * batch.keys * 2 * seen_heads * head_size(text) * 2
    seen += is_dense * batch.rows * batch.length * batch.keys * getattr(torch, model.recipe.model.dtype).itemsize
    whole = batch.parts * batch.tokens
    gathered = whole * 2 * text.num_key_value_heads * head_size(text) * (2 + 4)
    return seen + gathered + 3 * whole * text.hidden_size * 2


def _forward_pass(model: StageModel, part: str, sharded: bool) -> ForwardPass:
    trainable, attention = model.trains(part), planned_attention(model.recipe.model)
    layers = model.model.config.text_config.num_hidden_layers
    recomputed = {
        "vision_tower": model.recomputed_vision_layers,
        "language_model": model.stage.memory.recomputed_layers(layers),
    }
    # FSDP computes with weights in bfloat16.
    dtype = model.stage.optimizer.weight_dtype if trainable else model.recipe.model.dtype
    narrow = sharded or dtype != "float32"
    return ForwardPass(
        model.model.config,
        torch.bfloat16 if narrow else torch.float32,
        trainable,
        recomputed=recomputed.get(part, 0),
        lora=model.stage.lora,
        attn_implementation=FLEX_SHAPES if attention == "flex_attention" else attention,
    )
