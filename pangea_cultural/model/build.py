"""Models with random weights, and the parameters of a model by part."""

import torch
from transformers import LlavaNextConfig, PreTrainedTokenizerBase

from pangea_cultural.model.config import model_config
from pangea_cultural.model.modeling import PackedLlavaNext


def build(size: str, tokenizer: PreTrainedTokenizerBase, *, seed: int) -> PackedLlavaNext:
    """Return a model with random float32 weights. The same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PackedLlavaNext(model_config(size, tokenizer)).float()


def unused_vision_parameters(model: PackedLlavaNext) -> list[torch.nn.Parameter]:
    """Return the vision tower's parameters after the last layer that the projector reads. They get no gradient."""
    vision_tower = model.model.vision_tower
    unused_layers = vision_tower.encoder.layers[num_vision_layers_used(model.config) :]
    return [*unused_layers.parameters(), *vision_tower.post_layernorm.parameters()]


def num_vision_layers_used(config: LlavaNextConfig) -> int:
    """Return the number of vision tower layers that the projector's input depends on."""
    layers = config.vision_feature_layer
    # `vision_feature_layer` indexes the hidden states, which begin with the embeddings.
    states = config.vision_config.num_hidden_layers + 1
    return max(layer % states for layer in ([layers] if isinstance(layers, int) else layers))


def parameter_groups(model: PackedLlavaNext) -> dict[str, list[torch.nn.Parameter]]:
    """Return the parameters by part: `vision_tower`, `projector` (with the newline embedding), `language_model`."""
    inner = model.model
    # Tied output embeddings are listed once.
    language_model = {id(p): p for m in (inner.language_model, model.lm_head) for p in m.parameters()}
    return {
        "vision_tower": list(inner.vision_tower.parameters()),
        "projector": [*inner.multi_modal_projector.parameters(), inner.image_newline],
        "language_model": list(language_model.values()),
    }
