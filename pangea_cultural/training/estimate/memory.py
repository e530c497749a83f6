"""How many bytes a stage takes on a device, by formulas: nothing is allocated.

Meant is a GPU, where matrices are multiplied in bfloat16 under autocast. Not all parts peak at the same moment, so
their sum is a little more than what they need; what CUDA, NCCL and fragmentation take comes on top.
"""

from dataclasses import dataclass

from pangea_cultural.model import build
from pangea_cultural.training.estimate.activations import (
    Width,
    language_model_bytes,
    projector_bytes,
    vision_tower_bytes,
)
from pangea_cultural.training.estimate.meta_model import Blueprint, Share
from pangea_cultural.training.recipe import Recipe, Stage

BYTES = {"float32": 4, "bfloat16": 2}
LOGIT_BYTES = 12
"""Of each logit in the cross-entropy's backward pass: what it kept, its gradient and the logit's own, in float32."""


@dataclass(frozen=True)
class Batch:
    """A micro-batch.

    Args:
        rows: how many.
        length: tokens of the longest row, to which the others are filled up.
        targets: tokens that are predicted.
        tiles: of all images.
    """

    rows: int
    length: int
    targets: int
    tiles: int

    @property
    def tokens(self) -> int:
        """Tokens with those that fill up."""
        return self.rows * self.length


@dataclass(frozen=True)
class Step:
    """What a device does in a step.

    Args:
        largest: the micro-batch that takes most.
        micro_batches: how many there are.
        devices: how many train together.
    """

    largest: Batch
    micro_batches: int
    devices: int


def memory(blueprint: Blueprint, recipe: Recipe, stage: Stage, step: Step) -> dict[str, int]:
    """What a device holds at most, in bytes, by what it is for.

    A parameter that learns has its weight, its gradient and AdamW's two moments in float32; a frozen one has its weight
    as the recipe holds it. `parallelism = "fsdp"` divides these among the devices, as ZeRO's third stage does
    (Rajbhandari et al., 2020, arXiv 1910.02054).
    """
    shares = blueprint.shares(stage)
    trained, frozen = (sum(counts) for counts in zip(*shares.values(), strict=True))
    sharded = recipe.parallelism == "fsdp" and step.devices > 1
    holders = step.devices if sharded else 1
    parts = {
        "weights": (4 * trained + BYTES[recipe.model.dtype] * frozen) // holders,
        # DDP has them in buckets a second time (see torch's `gradient_as_bucket_view`).
        "gradients": 4 * trained // holders * (2 if step.devices > 1 and not sharded else 1),
        "optimizer": 8 * trained // holders,
        "copies": _gathered(blueprint) if sharded else _autocast(blueprint, recipe, stage),
        **_of_batch(blueprint, recipe, stage, step.largest, sharded),
    }
    return parts | {"total": sum(parts.values())}


def _gathered(blueprint: Blueprint) -> int:
    """Bytes of gathered bfloat16 weights under accelerate's `fsdp2_prepare_model`.

    Gathered are vision tower and projector all the time, the output embeddings with their gradient, and the current
    and the next layer with theirs.
    """
    model, parts = blueprint.model, build.parameter_groups(blueprint.model)
    layer = sum(p.numel() for p in model.model.language_model.layers[0].parameters())
    outside = sum(p.numel() for p in (*parts["vision_tower"], *parts["projector"]))
    return 2 * (outside + 2 * model.lm_head.weight.numel() + 4 * layer)


def _autocast(blueprint: Blueprint, recipe: Recipe, stage: Stage) -> int:
    """Weights in bfloat16.

    torch.autocast keeps its casts of what learns until the forward pass ends, and autograd keeps those of frozen layers
    in float32 that gradients pass through.
    """
    shares = blueprint.shares(stage)
    learning = sum(share.trained for share in shares.values())
    embeddings = blueprint.model.get_input_embeddings().weight.numel()
    if shares["language_model"].trained >= embeddings:
        learning -= embeddings  # looked up, not multiplied
    passed = (
        stage.objective == "sft" and not shares["language_model"].trained and not stage.memory.gradient_checkpointing
    )
    frozen = blueprint.layers if passed and recipe.model.dtype == "float32" else 0
    return 2 * (learning + frozen)


def _of_batch(blueprint: Blueprint, recipe: Recipe, stage: Stage, batch: Batch, sharded: bool) -> dict[str, int]:
    """Bytes that grow with the batch."""
    shares, config = blueprint.shares(stage), blueprint.model.config
    vision_tower = vision_tower_bytes(
        config.vision_config,
        batch.tiles,
        _width(recipe, shares["vision_tower"], sharded),
        learns=bool(shares["vision_tower"].trained),
        checkpointing=stage.memory.gradient_checkpointing,
    )
    if stage.objective == "contrastive":
        return {"activations": 0, "vision_tower": vision_tower, "logits": 0}
    width = _width(recipe, shares["language_model"], sharded)
    activations = language_model_bytes(
        config.text_config,
        batch.rows,
        batch.length,
        width,
        learns=bool(shares["language_model"].trained),
        adapters=sum(m.in_features + stage.lora.rank for m in blueprint.adapted(stage)) if stage.lora else 0,
        attention="flex_attention" if recipe.model.attn_implementation == "auto" else recipe.model.attn_implementation,
        checkpointing=stage.memory.gradient_checkpointing,
    )
    if {"vision_tower", "projector"} & set(stage.trainable):
        activations += projector_bytes(config, batch.tiles, width)
    logits = LOGIT_BYTES * batch.targets * config.text_config.vocab_size
    return {"activations": activations, "vision_tower": vision_tower, "logits": logits}


def _width(recipe: Recipe, share: Share, sharded: bool) -> Width:
    """The residual stream has the width of the weights that make it; FSDP computes with weights in bfloat16."""
    narrow = sharded or (not share.trained and recipe.model.dtype == "bfloat16")
    return Width(compute=2, stream=2 if narrow else 4)
