"""How many floating-point operations a stage takes, by the count that everyone uses.

Two for each weight and token forwards, two more for the gradient of the input, two for that of the weight, and two to
compute a layer again. Attention comes on top, with the pairs of positions that see each other (Chowdhery et al., 2022,
arXiv 2204.02311, appendix B). torch does not compute the last product of a layer again, so with gradient checkpointing
the count is some percent too high.
"""

from dataclasses import dataclass

from transformers import CLIPVisionConfig

from pangea_cultural.model import build
from pangea_cultural.training.estimate.meta_model import Blueprint
from pangea_cultural.training.recipe import Stage


@dataclass(frozen=True)
class Work:
    """What a stage computes on.

    Args:
        tokens: of all rows.
        pairs: of positions that see each other.
        targets: tokens that are predicted.
        tiles: of all images.
    """

    tokens: float
    pairs: float
    targets: float
    tiles: float


def flops(blueprint: Blueprint, stage: Stage, work: Work) -> float:
    """Of all steps of a stage, on all devices together."""
    total = _vision_tower(blueprint, stage, work)
    if stage.objective == "sft":
        total += _projector(blueprint, stage, work) + _language_model(blueprint, stage, work)
    return float(total)


def _a_weight(*, learns: bool, passes: bool, again: bool) -> int:
    """Operations for each weight and token; `passes` tells whether something before it learns."""
    return 2 + 2 * learns + 2 * passes + 2 * (again and (learns or passes))


def _language_model(blueprint: Blueprint, stage: Stage, work: Work) -> float:
    model, shares = blueprint.model, blueprint.shares(stage)
    text = model.config.text_config
    learns, again = bool(shares["language_model"].trained), stage.memory.gradient_checkpointing
    layers = blueprint.layers * _a_weight(learns=learns, passes=True, again=again)
    if stage.lora:
        layers += shares["adapters"].trained * _a_weight(learns=True, passes=True, again=again)
    head = model.lm_head.weight.numel() * _a_weight(learns=learns, passes=True, again=False)
    heads = text.num_attention_heads
    size = (getattr(text, "head_dim", None) or text.hidden_size // heads) * heads
    # Two products of matrices, each with two gradients.
    attention = 2 * size * text.num_hidden_layers * _a_weight(learns=True, passes=True, again=again)
    return work.tokens * layers + work.targets * head + work.pairs * attention


def _projector(blueprint: Blueprint, stage: Stage, work: Work) -> float:
    patches = work.tiles * _patches(blueprint.model.config.vision_config)
    rate = _a_weight(learns="projector" in stage.trainable, passes="vision_tower" in stage.trainable, again=False)
    return patches * sum(blueprint.shares(stage)["projector"]) * rate


def _vision_tower(blueprint: Blueprint, stage: Stage, work: Work) -> float:
    config = blueprint.model.config
    vision, learns = config.vision_config, "vision_tower" in stage.trainable
    patches = _patches(vision) + 1
    attention = 2 * vision.hidden_size * vision.num_hidden_layers * patches
    # All layers are computed, but no gradient comes to those behind the last that the projector reads.
    read = build.num_vision_layers_used(config) / vision.num_hidden_layers
    backwards = _a_weight(learns=learns, passes=learns, again=stage.memory.gradient_checkpointing) - 2
    return work.tiles * patches * (sum(blueprint.shares(stage)["vision_tower"]) + attention) * (2 + read * backwards)


def _patches(vision: CLIPVisionConfig) -> int:
    return (vision.image_size // vision.patch_size) ** 2
