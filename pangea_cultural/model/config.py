"""Model sizes, and the LLaVA-NeXT configuration of a size."""

from typing import Annotated, Any

from huggingface_hub.errors import StrictDataclassError
from pydantic import Field, ValidationInfo, field_validator
from transformers import CLIPVisionConfig, LlavaNextConfig, PreTrainedTokenizerBase, Qwen2Config

from pangea_cultural.config import Config, find, load
from pangea_cultural.errors import unknown
from pangea_cultural.model.tokenizer import END, IMAGE, PAD

FEATURE_LAYER = -2
"""Hidden state of the vision tower that the projector reads, as in Pangea."""
FEATURE_STRATEGY = "default"
"""transformers' name for dropping the class token, as in Pangea."""

TABLES: dict[str, tuple[Any, dict[str, str]]] = {
    "vision": (CLIPVisionConfig, {"image_size": "tile_px"}),
    "text": (Qwen2Config, dict.fromkeys(("vocab_size", "eos_token_id", "pad_token_id"), "the tokenizer")),
}
"""Configuration class of each table of a size, and the keys that come from elsewhere, with their origin."""


class Size(Config):
    """Size of a model."""

    tile_px: int = Field(ge=1)
    """Edge of an image tile."""
    image_grid_pinpoints: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(min_length=1)
    """Height and width of each grid of tiles, in pixels."""
    vocab_size: int | None = None
    """Rows of the embeddings of the published model that has this size."""
    vision: dict[str, Any]
    """Settings of the vision tower, named as in transformers' CLIPVisionConfig."""
    text: dict[str, Any]
    """Settings of the language model, named as in transformers' Qwen2Config."""

    @field_validator("vision", "text")
    @classmethod
    def _known_keys(cls, table: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Reject unknown keys: transformers silently ignores them and uses its default."""
        config_class, origins = TABLES[str(info.field_name)]
        known = {*config_class().to_dict(), "head_dim"}
        for key in sorted(table.keys() - known):
            raise ValueError(str(unknown("key", key, known)))
        for key in sorted(table.keys() & origins.keys()):
            raise ValueError(f"{key} comes from {origins[key]}. Remove it.")
        try:
            config_class(**table)
        except (TypeError, ValueError, StrictDataclassError) as error:
            raise ValueError(" ".join(str(error).split())) from error
        return table


def load_size(size: str) -> Size:
    """Load a size.

    Args:
        size: name of a shipped size (model/sizes/), or path of a TOML file.

    Raises:
        UserError: the size or file does not exist or is invalid. The message lists the shipped sizes.
    """
    return load(Size, find("model size", size, "pangea_cultural.model.sizes"))


def head_size(text: Any) -> int:
    """Return the channels of an attention head of a language model, by its configuration."""
    return int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)


def model_config(size: str, tokenizer: PreTrainedTokenizerBase, *, vocab_size: int | None = None) -> LlavaNextConfig:
    """Return the configuration of a size. `vocab_size` defaults to that of the tokenizer."""
    table = load_size(size)
    special = {
        "eos_token_id": tokenizer.convert_tokens_to_ids(END),
        "pad_token_id": tokenizer.convert_tokens_to_ids(PAD),
    }
    text = Qwen2Config(vocab_size=vocab_size or len(tokenizer), **special, **table.text)
    return LlavaNextConfig(
        vision_config=CLIPVisionConfig(image_size=table.tile_px, **table.vision),
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_grid_pinpoints=table.image_grid_pinpoints,
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy=FEATURE_STRATEGY,
        tie_word_embeddings=text.tie_word_embeddings,
    )
