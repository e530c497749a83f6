"""Models with random weights, and the parameters of a model by part."""

import torch
from transformers import LlavaNextConfig, PreTrainedTokenizerBase

from pangea_cultural.model.config import model_config
from pangea_cultural.model.modeling import PackedLlavaNext


def build(size: str, tokenizer: PreTrainedTokenizerBase, *, seed: int) -> PackedLlavaNext:
    """A model with random weights, in float32; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PackedLlavaNext(model_config(size, tokenizer)).float()


def unused_vision_parameters(model: PackedLlavaNext) -> list[torch.nn.Parameter]:
    """Parameters of the vision tower behind the last layer that the projector reads: nothing that they could learn from
    reaches them.
    """
    vision_tower = model.model.vision_tower
    behind = vision_tower.encoder.layers[num_vision_layers_used(model.config) :]
    return [*behind.parameters(), *vision_tower.post_layernorm.parameters()]


def num_vision_layers_used(config: LlavaNextConfig) -> int:
    """How many of the vision tower's layers the projector sees something of."""
    layers = config.vision_feature_layer
    # It chooses from the states between layers, which begin with the embeddings.
    states = config.vision_config.num_hidden_layers + 1
    return max(layer % states for layer in ([layers] if isinstance(layers, int) else layers))


def parameter_groups(model: PackedLlavaNext) -> dict[str, list[torch.nn.Parameter]]:
    """The parameters of a model by part: `vision tower`, `projector` (with the newline embedding), `language_model`."""
    inner = model.model
    return {
        "vision_tower": list(inner.vision_tower.parameters()),
        "projector": [*inner.multi_modal_projector.parameters(), inner.image_newline],
        # Output embeddings are listed once, also where they are the input embeddings.
        "language_model": list(
            {id(p): p for m in (inner.language_model, model.lm_head) for p in m.parameters()}.values()
        ),
    }
