"""The configuration of the original LLaVA-NeXT (llava_qwen), from and to that of transformers.

What the other layout cannot express is refused by its name. The original reads pinpoints as (width, height),
transformers as (height, width). Pairs are swapped, so that the same grid wins ties.

A converted configuration keeps the original one under `original_config`, also through a training. The way back starts
from it and changes only keys whose value has changed since.
"""

import ast
import re
from typing import Any

from transformers import CLIPVisionConfig, LlavaNextConfig, Qwen2Config

from pangea_cultural.errors import UserError
from pangea_cultural.model.config import load_size

ORIGINAL = "llava_qwen"
CLIP_L_336 = "openai/clip-vit-large-patch14-336"
KEPT = "original_config"
"""Key of a converted configuration with the original one."""
TEXT_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "rms_norm_eps",
    "attention_dropout",
    "bos_token_id",
    "eos_token_id",
    "sliding_window",
    "use_sliding_window",
    "max_window_layers",
    "tie_word_embeddings",
)
NEEDED = (*TEXT_KEYS[:6], "image_grid_pinpoints", "mm_vision_select_layer", "mm_vision_tower")
"""Keys that no default replaces."""
EXPECTED: dict[str, tuple[Any, Any]] = {
    "mm_patch_merge_type": ("flat", "spatial_unpad"),
    "mm_projector_type": ("linear", "mlp2x_gelu"),
    "mm_vision_select_feature": ("patch", "patch"),
    "image_aspect_ratio": ("square", "anyres"),
    "mm_resampler_type": (None, None),
    "mm_use_im_start_end": (False, False),
    "mm_use_im_patch_token": (False, False),
    "s2": (False, False),
    "rope_scaling": (None, None),
}
"""The original code's default of a key, and the only value that transformers' LLaVA-NeXT has. The original code ignores
`rope_scaling`: with it, the converted model would be another one."""
HUB_EXPECTED = {
    "projector_hidden_act": "gelu",
    "multimodal_projector_bias": True,
    "vision_feature_select_strategy": "default",
}
"""Values of a configuration in the hub's layout that the original has."""
TUNED = "mm_vision_tower,mm_mlp_adapter,mm_language_model"
"""Value of `mm_tunable_parts` with which the original code loads the tower of the checkpoint, not OpenAI's."""
RANGE = re.compile(r"\((\d+)x(\d+)\)")
"""A pair of a range of grids, such as the two of "(1x1),...,(6x6)"."""


def hub_config(original: dict[str, Any], vision: CLIPVisionConfig, *, image_token: int) -> LlavaNextConfig:
    """Return the configuration of a checkpoint in the hub's layout.

    Args:
        original: the original configuration.
        vision: the configuration of the vision tower.
        image_token: id of `<image>`.

    Raises:
        UserError: the original lacks a key, or has a variant that transformers' LLaVA-NeXT lacks.
    """
    require_keys(original)
    for key, (default, expected) in EXPECTED.items():
        _require(key, original.get(key, default) or None, expected or None)
    text = {key: original[key] for key in TEXT_KEYS if key in original}
    rope = {"rope_type": "default", "rope_theta": original.get("rope_theta", 10000.0)}
    return LlavaNextConfig(
        vision_config=vision.to_dict(),
        text_config=Qwen2Config(**text, rope_parameters=rope).to_dict(),
        image_token_index=image_token,
        image_grid_pinpoints=[[h, w] for w, h in pinpoints(original["image_grid_pinpoints"], vision.image_size)],
        vision_feature_layer=original["mm_vision_select_layer"],
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        tie_word_embeddings=original.get("tie_word_embeddings", False),
        **{KEPT: original},
    )


def require_keys(original: dict[str, Any]) -> None:
    """Check that an original configuration has the keys without a default.

    Raises:
        UserError: keys are missing.
    """
    missing = [key for key in NEEDED if original.get(key) is None]
    if missing:
        raise UserError(f"The configuration lacks {', '.join(missing)}. Download config.json again.")


def _require(key: str, value: Any, expected: Any) -> None:
    if value != expected:
        raise UserError(f"{key} is {value}. Choose a checkpoint with {key} = {expected}.")


def pinpoints(value: Any, tile: int) -> list[list[int]]:
    """Return width and height of each grid, in pixels.

    Args:
        value: pairs; the same as a text; or a range of tiles as a text, such as "(1x1),...,(6x6)".
        tile: edge of a tile in pixels.

    Raises:
        UserError: the value is something else.
    """
    try:
        if isinstance(value, str) and (ends := RANGE.findall(value)):
            (left, top), (right, bottom) = (tuple(map(int, end)) for end in (ends[0], ends[-1]))
            columns, rows = range(left, right + 1), range(top, bottom + 1)
            return [[column * tile, row * tile] for column in columns for row in rows]
        pairs = ast.literal_eval(value) if isinstance(value, str) else value
        return [[int(width), int(height)] for width, height in pairs]
    except (ValueError, TypeError, SyntaxError) as error:
        raise UserError(f"image_grid_pinpoints is {value}. Write pairs of width and height in pixels.") from error


def original_config(config: LlavaNextConfig) -> dict[str, Any]:
    """Return the original configuration of a model.

    Raises:
        UserError: the model has a variant that the original lacks.
    """
    _require_original_has(config)
    original = _derived(config)
    if kept := getattr(config, KEPT, None):
        before = _derived(hub_config(kept, config.vision_config, image_token=config.image_token_index))
        original = kept | {key: value for key, value in original.items() if value != before[key]}
    if "mm_vision_tower" not in str(original.get("mm_tunable_parts")) and not original.get("unfreeze_mm_vision_tower"):
        original |= {"mm_tunable_parts": TUNED, "unfreeze_mm_vision_tower": True}
    return original


def _require_original_has(config: LlavaNextConfig) -> None:
    for key, expected in HUB_EXPECTED.items():
        _require(key, getattr(config, key), expected)
    _require("text_config.model_type", config.text_config.model_type, "qwen2")
    _require("vision_config.model_type", config.vision_config.model_type, "clip_vision_model")
    _require("rope_type", config.text_config.rope_parameters.get("rope_type"), "default")
    text = config.text_config
    standard = text.hidden_size // text.num_attention_heads
    _require("head_dim", getattr(text, "head_dim", None) or standard, standard)
    if not isinstance(config.vision_feature_layer, int):
        raise UserError(f"vision_feature_layer is {config.vision_feature_layer}. Choose a checkpoint with one layer.")


def _derived(config: LlavaNextConfig) -> dict[str, Any]:
    """Return the original configuration as far as it follows from that of the hub's layout."""
    text = config.text_config.to_dict()
    return {
        **{key: text[key] for key in TEXT_KEYS if key in text},
        "architectures": ["LlavaQwenForCausalLM"],
        "model_type": ORIGINAL,
        "rope_theta": text["rope_parameters"]["rope_theta"],
        **{key: expected for key, (_, expected) in EXPECTED.items() if key != "s2"},
        "image_grid_pinpoints": [[width, height] for height, width in config.image_grid_pinpoints],
        "mm_hidden_size": config.vision_config.hidden_size,
        "mm_vision_select_layer": config.vision_feature_layer,
        "mm_vision_tower": CLIP_L_336 if _is_clip_l(config.vision_config) else "vision_tower",
        "use_mm_proj": True,
        "tokenizer_padding_side": "right",
        "tie_word_embeddings": config.tie_word_embeddings,
        "torch_dtype": str(config.dtype).removeprefix("torch."),
    }


def _is_clip_l(vision: CLIPVisionConfig) -> bool:
    clip_l = load_size("clip-l-qwen2-7b").vision
    return all(getattr(vision, key) == value for key, value in clip_l.items())
