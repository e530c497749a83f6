"""Floating-point operations of a stage.

A weight costs two operations per token in the forward pass, two for the gradient of its input, two for its own gradient
and two if its layer is recomputed. Attention adds the pairs of positions that see each other (Chowdhery et al., 2022,
arXiv 2204.02311, appendix B). torch does not recompute the last product of a layer, so the count is some percent too
high with gradient checkpointing.
"""

from pangea_cultural.model.build import num_vision_layers_used
from pangea_cultural.model.config import head_size
from pangea_cultural.training.estimate.stage_model import StageModel
from pangea_cultural.training.estimate.workload import Workload
from pangea_cultural.training.setup.muon import iteration_flops


def flops(model: StageModel, workload: Workload) -> float:
    """Return the floating-point operations of `workload`, on all devices together."""
    total = _vision_tower(model, workload.tiles)
    if model.stage.objective == "sft":
        total += _projector(model, workload.tiles) + _language_model(model, workload)
    return float(total)


def optimizer_flops(model: StageModel) -> float:
    """Return the floating-point operations of an optimizer step, which each device makes. Those of AdamW are few."""
    return iteration_flops(model.matrices) if model.stage.optimizer.optim == "muon" else 0.0


def _per_weight(*, trainable: bool, passes_gradients: bool, recomputed: float = 0.0) -> float:
    """Return the operations per weight and token; `recomputed` is the share of the layers that are recomputed."""
    return 2 + 2 * trainable + 2 * passes_gradients + 2 * recomputed * (trainable or passes_gradients)


def _language_model(model: StageModel, workload: Workload) -> float:
    text, trainable = model.model.config.text_config, model.trains("language_model")
    recomputed = model.stage.memory.recomputed_layers(text.num_hidden_layers) / text.num_hidden_layers
    decoder = _per_weight(trainable=trainable, passes_gradients=True, recomputed=recomputed)
    # Adapters, and attention's two products of activations, have a gradient for either factor.
    both = _per_weight(trainable=True, passes_gradients=True, recomputed=recomputed)
    per_token = model.num_decoder_parameters * decoder
    if model.stage.lora:
        per_token += model.parameters["adapters"].trainable * both
    head = _per_weight(trainable=trainable, passes_gradients=True)
    per_target = model.model.lm_head.weight.numel() * head
    per_pair = 2 * text.num_attention_heads * head_size(text) * text.num_hidden_layers * both
    return workload.tokens * per_token + workload.targets * per_target + workload.attention_pairs * per_pair


def _projector(model: StageModel, tiles: int) -> float:
    vision = model.model.config.vision_config
    rate = _per_weight(
        trainable="projector" in model.stage.trainable,
        passes_gradients="vision_tower" in model.stage.trainable,
    )
    return tiles * (vision.image_size // vision.patch_size) ** 2 * sum(model.parameters["projector"]) * rate


def _vision_tower(model: StageModel, tiles: int) -> float:
    config, trainable = model.model.config, "vision_tower" in model.stage.trainable
    vision = config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2 + 1
    weights = sum(model.parameters["vision_tower"]) + 2 * vision.hidden_size * vision.num_hidden_layers * patches
    # All layers are computed, but layers that the projector does not use get no gradient.
    used = num_vision_layers_used(config)
    recomputed = min(used, model.recomputed_vision_layers) / used
    backward = _per_weight(trainable=trainable, passes_gradients=trainable, recomputed=recomputed) - 2
    return tiles * patches * weights * (2 + used / vision.num_hidden_layers * backward)
