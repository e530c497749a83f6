"""CulturalPangea of any size, from a table of sizes: a LLaVA-NeXT of a CLIP tower, a connector and Qwen2."""

import tomllib
from importlib import resources

import torch
from transformers import (
    CLIPVisionConfig,
    LlavaNextConfig,
    PreTrainedTokenizerBase,
    Qwen2Config,
)

from pangea_cultural.errors import unknown
from pangea_cultural.model.packed import PackedLlavaNext
from pangea_cultural.model.tokenizer import END, IMAGE, PAD

# Which of the tower's layers the connector reads, and that it leaves out the class token: as Pangea was trained.
FEATURE_LAYER = -2
FEATURE_STRATEGY = "default"


def size_table(size: str) -> dict:
    """The table of a size.

    Raises:
        UserError: no such size; the message names those there are.
    """
    folder = resources.files("pangea_cultural.model") / "sizes"
    path = folder / f"{size}.toml"
    if not path.is_file():
        raise unknown("model size", size, (p.name.removesuffix(".toml") for p in folder.iterdir()))
    return tomllib.loads(path.read_text("utf-8"))


def config(size: str, tokenizer: PreTrainedTokenizerBase) -> LlavaNextConfig:
    """The configuration of a size, with the tokenizer's vocabulary."""
    table = size_table(size)
    special = {
        "eos_token_id": tokenizer.convert_tokens_to_ids(END),
        "pad_token_id": tokenizer.convert_tokens_to_ids(PAD),
    }
    text = Qwen2Config(vocab_size=len(tokenizer), **special, **table["text"])
    return LlavaNextConfig(
        vision_config=CLIPVisionConfig(image_size=table["tile_px"], **table["vision"]),
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_grid_pinpoints=table["image_grid_pinpoints"],
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy=FEATURE_STRATEGY,
        tie_word_embeddings=text.tie_word_embeddings,
    )


def build(size: str, tokenizer: PreTrainedTokenizerBase, *, seed: int) -> PackedLlavaNext:
    """A model with random weights, in float32; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PackedLlavaNext(config(size, tokenizer)).float()


def unread(model: PackedLlavaNext) -> list[torch.nn.Parameter]:
    """Parameters of the tower behind the last layer that the connector reads: nothing that they could learn from
    reaches them.
    """
    tower = model.model.vision_tower
    behind = tower.encoder.layers[layers_read(model.config) :]
    return [*behind.parameters(), *tower.post_layernorm.parameters()]


def layers_read(config: LlavaNextConfig) -> int:
    """How many of the tower's layers the connector sees something of."""
    layers = config.vision_feature_layer
    # It chooses from the states between layers, which begin with the embeddings.
    states = config.vision_config.num_hidden_layers + 1
    return max(layer % states for layer in ([layers] if isinstance(layers, int) else layers))


def parts(model: PackedLlavaNext) -> dict[str, list[torch.nn.Parameter]]:
    """The parameters of a model by part: `tower`, `connector` (with the newline embedding), `language_model`."""
    inner = model.model
    return {
        "tower": list(inner.vision_tower.parameters()),
        "connector": [*inner.multi_modal_projector.parameters(), inner.image_newline],
        # Output embeddings are listed once, also where they are the input embeddings.
        "language_model": list(
            {id(p): p for m in (inner.language_model, model.lm_head) for p in m.parameters()}.values()
        ),
    }
