"""Layers that recompute their activations in the backward pass (gradient checkpointing)."""

from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.training.recipe import Stage


def recompute_activations(model: PackedLlavaNext, stage: Stage) -> None:
    """Set which layers recompute their activations, as the stage says. No layer keeps a setting of an earlier stage."""
    model.gradient_checkpointing_disable()
    if not stage.memory.gradient_checkpointing:
        return
    model.gradient_checkpointing_enable({"use_reentrant": False})
    vision_tower, language_model = model.model.vision_tower.encoder, model.model.language_model
    layers = (vision_tower if stage.objective == "contrastive" else language_model).layers
    number = stage.memory.recomputed_layers(len(layers))
    # The last layers keep theirs: these are free again when the first of the others recomputes its own.
    for index, layer in enumerate(layers):
        layer.gradient_checkpointing = index < number
