"""Model sizes, and the LLaVA-NeXT configuration of a size."""

from typing import Annotated, Any

from huggingface_hub.errors import StrictDataclassError
from pydantic import Field, ValidationInfo, field_validator
from transformers import CLIPVisionConfig, LlavaNextConfig, PreTrainedTokenizerBase, Qwen2Config

from pangea_cultural.config import Config, find, load
from pangea_cultural.errors import unknown
from pangea_cultural.model.tokenizer import END, IMAGE, PAD

# Which of the vision tower's layers the projector reads, and that it leaves out the class token: as Pangea was trained.
FEATURE_LAYER = -2
FEATURE_STRATEGY = "default"

KINDS: dict[str, tuple[Any, dict[str, str]]] = {
    "vision": (CLIPVisionConfig, {"image_size": "tile_px"}),
    "text": (Qwen2Config, dict.fromkeys(("vocab_size", "eos_token_id", "pad_token_id"), "the tokenizer")),
}
"""Of each table of a size: whose settings it has, and which of them come from elsewhere."""


class Size(Config):
    """How large a model is."""

    tile_px: int = Field(ge=1)
    """Edge of the tiles that images are cut into."""
    image_grid_pinpoints: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(min_length=1)
    """Height and width of each grid of tiles."""
    vocab_size: int | None = None
    """Rows of the published embeddings, where the size is that of a published model."""
    vision: dict[str, Any]
    """Of the vision tower, as transformers' CLIPVisionConfig names it."""
    text: dict[str, Any]
    """Of the language model, as transformers' Qwen2Config names it."""

    @field_validator("vision", "text")
    @classmethod
    def _known_keys(cls, table: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """A misspelt key is taken by transformers without a word, and its own default for the one that was meant."""
        kind, ours = KINDS[str(info.field_name)]
        known = {*kind().to_dict(), "head_dim"}
        for key in sorted(table.keys() - known):
            raise ValueError(str(unknown("key", key, known)))
        for key in sorted(table.keys() & ours.keys()):
            raise ValueError(f"{key} comes from {ours[key]}: leave it out")
        try:
            kind(**table)
        except (TypeError, ValueError, StrictDataclassError) as error:
            raise ValueError(" ".join(str(error).split())) from error
        return table


def size_table(size: str) -> Size:
    """A size: one that ships with the package, by its name, or any other, by the path of its TOML file.

    Raises:
        UserError: no such size or file, or one that does not fit; the message names the sizes there are.
    """
    return load(Size, find("model size", size, "pangea_cultural.model.sizes"))


def model_config(size: str, tokenizer: PreTrainedTokenizerBase, *, vocab_size: int | None = None) -> LlavaNextConfig:
    """The configuration of a size; its vocabulary is the tokenizer's where none is given."""
    table = size_table(size)
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
