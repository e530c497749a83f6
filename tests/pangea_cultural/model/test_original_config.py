"""The configuration of the original LLaVA-NeXT: what is converted, kept, or refused by its name."""

import json
from pathlib import Path

import pytest
from transformers import CLIPVisionConfig, LlavaNextConfig

from pangea_cultural.errors import UserError
from pangea_cultural.model.original_config import TUNED, hub_config, original_config

GOLDEN = json.loads((Path(__file__).with_name("golden") / "config.json").read_text())


def to_hub(**changes):
    """Return the golden configuration with some changes in the hub's layout; None removes a key."""
    original = {key: value for key, value in (GOLDEN | changes).items() if value is not None}
    config = hub_config(original, CLIPVisionConfig(image_size=336), image_token=259)
    config.dtype = original["torch_dtype"]
    return config


def test_whole_configuration_survives_there_and_back(tmp_path):
    original = {key: value for key, value in GOLDEN.items() if value is not None} | {"own_key": [1, {"a": None}]}
    to_hub(**original).save_pretrained(tmp_path)
    assert original_config(LlavaNextConfig.from_pretrained(tmp_path)) == original


def test_changes_since_the_conversion_replace_kept_values():
    config = to_hub()
    config.text_config.vocab_size = 384
    config.dtype = "bfloat16"
    changed = {key: value for key, value in original_config(config).items() if value != GOLDEN[key]}
    assert changed == {"vocab_size": 384, "torch_dtype": "bfloat16"}


@pytest.mark.parametrize("parts", [None, "mm_mlp_adapter,mm_language_model"])
def test_original_code_loads_the_tower_of_the_checkpoint(parts):
    # Without these keys it takes OpenAI's weights in place of trained ones.
    back = original_config(to_hub(mm_tunable_parts=parts))
    assert back["mm_tunable_parts"] == TUNED and back["unfreeze_mm_vision_tower"]


@pytest.mark.parametrize(
    ("text", "grids"),
    [
        ("[(336, 672), [672, 336]]", [[672, 336], [336, 672]]),
        ("(1x1),...,(2x3)", [[336, 336], [672, 336], [1008, 336], [336, 672], [672, 672], [1008, 672]]),
    ],
)
def test_textual_pinpoints_are_converted(text, grids):
    assert to_hub(image_grid_pinpoints=text).image_grid_pinpoints == grids


def test_keys_with_a_default_of_the_original_code_may_be_missing():
    keys = ("mm_vision_select_feature", "mm_use_im_start_end", "rope_theta", "use_mm_proj", "rms_norm_eps")
    config = to_hub(**dict.fromkeys(keys))
    assert config.text_config.rope_parameters["rope_theta"] == 10000.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, r"rope_scaling is {'type': 'yarn', .* rope_scaling = None"),
        ({"mm_use_im_start_end": True}, "mm_use_im_start_end is True"),
        ({"mm_use_im_patch_token": True}, "mm_use_im_patch_token is True"),
        ({"mm_resampler_type": "perceiver"}, "mm_resampler_type is perceiver"),
        ({"mm_patch_merge_type": None}, "mm_patch_merge_type is flat"),
        ({"image_grid_pinpoints": "many"}, "image_grid_pinpoints is many. Write pairs"),
        ({"image_grid_pinpoints": [336, 672]}, "image_grid_pinpoints is .336, 672.. Write pairs"),
        ({"mm_vision_select_layer": None, "hidden_size": None}, "lacks hidden_size, mm_vision_select_layer"),
    ],
)
def test_original_that_the_hub_lacks_is_refused_by_name(changes, message):
    with pytest.raises(UserError, match=message):
        to_hub(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projector_hidden_act": "silu"}, "projector_hidden_act is silu"),
        ({"multimodal_projector_bias": False}, "multimodal_projector_bias is False"),
        ({"vision_feature_select_strategy": "full"}, "vision_feature_select_strategy is full"),
        ({"vision_feature_layer": [-2, -3]}, "with one layer"),
        ({"text_config": {"model_type": "llama"}}, "text_config.model_type is llama"),
        ({"text_config": {"model_type": "qwen2", "rope_parameters": {"rope_type": "linear", "factor": 2.0}}}, "linear"),
        ({"text_config": {"model_type": "qwen2", "head_dim": 100}}, "head_dim is 100"),
    ],
)
def test_model_that_the_original_lacks_is_refused_by_name(changes, message):
    with pytest.raises(UserError, match=message):
        original_config(LlavaNextConfig(**{"text_config": {"model_type": "qwen2"}} | changes))
