"""From an original LLaVA-NeXT checkpoint (llava_qwen) to the hub's layout, and back: the same weights by other names.

One shard is in memory at a time. Every weight is mapped exactly once, and what the configuration wants must be there,
with its shape; the vision tower comes from the checkpoint, where it may have been trained, never from what it began as.

The original reads pinpoints as (width, height), transformers as (height, width): pairs are swapped, so that ties
between grids are won by the same one.

A converted model computes what the original does from the same pixels, but pixels hang on Pillow's version: 10.4 to
12.3 scale the width first (Pangea is of 2024 and was trained so); 13.0 scales the height first where that is less work,
and rounds to bytes in between. Of portrait images the overview tile then differs by single levels of brightness, and
logits by 0.01: a model should be served with the Pillow that it was trained with.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import (
    AutoTokenizer,
    CLIPVisionConfig,
    LlavaNextConfig,
    PreTrainedTokenizerBase,
    Qwen2Config,
)

from pangea_cultural.errors import UserError
from pangea_cultural.model import processor, weight_names
from pangea_cultural.model.checkpoint import INDEX, hub_state, save_card, save_generation
from pangea_cultural.model.config import size_table
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.model.tokenizer import CHAT_TEMPLATE, END, IMAGE, PAD
from pangea_cultural.utils.files import atomic_folder, read_json, restore_folder, write_json

SINGLE = "model.safetensors"
ORIGINAL = "llava_qwen"
CLIP_L_336 = "openai/clip-vit-large-patch14-336"
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


def convert(source: Path, target: Path, *, tokenizer: Path | None = None, overwrite: bool = False) -> dict[str, Any]:
    """Convert a checkpoint, in the direction that its configuration tells: all of it, or nothing.

    Args:
        source: folder of the checkpoint, with safetensors.
        target: folder to make.
        tokenizer: folder of the tokenizer, where the source has none.
        overwrite: replace a target that exists.

    Returns:
        The record: direction, tensors, bytes, shards.

    Raises:
        UserError: the source is no such checkpoint, a weight is unknown, missing or of another shape, or the target
            exists.
    """
    restore_folder(target)  # also where it is the source of this very call
    if target.exists() and not overwrite:
        raise UserError(f"{target} exists: give --overwrite to replace it")
    config = _config(source)
    to_hub = config["model_type"] == ORIGINAL
    with atomic_folder(target) as work:
        made = _to_hub(source, work, config, tokenizer) if to_hub else _to_original(source, work)
        layout = "the hub's" if to_hub else "the original LLaVA-NeXT's"
        text = f"Converted from the checkpoint `{source.name}` to {layout} layout; the weights are the same."
        save_card(work, f"\n# {target.name}\n\n{text}\n", license=None)
    return {"direction": "to hub" if to_hub else "to original", "checkpoint": str(target), **made}


def _config(source: Path) -> dict[str, Any]:
    if not (source / "config.json").is_file():
        raise UserError(f"no checkpoint at {source}: config.json is missing")
    config = read_json(source / "config.json")
    if config.get("model_type") not in (ORIGINAL, "llava_next"):
        raise UserError(f"{source} is of type {config.get('model_type')}: {ORIGINAL} and llava_next can be converted")
    return config


def _to_hub(source: Path, work: Path, original: dict[str, Any], tokenizer: Path | None) -> dict[str, Any]:
    words = _tokenizer(tokenizer or source, original)
    config = hub_config(original, _vision(source, original), image_token=words.convert_tokens_to_ids(IMAGE))
    config.text_config.pad_token_id = words.convert_tokens_to_ids(PAD)
    written = _write(source, work, weight_names.from_original, _wanted(config))
    config.architectures = ["LlavaNextForConditionalGeneration"]
    config.dtype = original.get("torch_dtype", "bfloat16")
    config.save_pretrained(work)
    made = processor.build_processor(config, words)
    made.chat_template = CHAT_TEMPLATE
    made.save_pretrained(work)
    save_generation(words, work)
    return written


def _to_original(source: Path, work: Path) -> dict[str, Any]:
    config = LlavaNextConfig.from_pretrained(source)
    wanted = {weight_names.to_original(name): shape for name, shape in _wanted(config).items()}
    written = _write(source, work, weight_names.to_original, wanted)
    write_json(work / "config.json", original_config(config))
    config.vision_config.save_pretrained(work / "vision_tower")
    AutoTokenizer.from_pretrained(source).save_pretrained(work)
    return written


def hub_config(original: dict[str, Any], vision: CLIPVisionConfig, *, image_token: int) -> LlavaNextConfig:
    """The configuration of a converted checkpoint.

    Args:
        original: the original's configuration.
        vision: of the vision tower.
        image_token: id of `<image>`.

    Raises:
        UserError: the original was built in a way that transformers' LLaVA-NeXT has not.
    """
    for key, expected in (
        ("mm_patch_merge_type", "spatial_unpad"),
        ("mm_projector_type", "mlp2x_gelu"),
        ("mm_vision_select_feature", "patch"),
        ("image_aspect_ratio", "anyres"),
    ):
        if original.get(key) != expected:
            raise UserError(f"{key} is {original.get(key)}: only {expected} can be converted")
    text = {key: original[key] for key in TEXT_KEYS if key in original}
    rope = {"rope_type": "default", "rope_theta": original.get("rope_theta", 10000.0)}
    return LlavaNextConfig(
        vision_config=vision.to_dict(),
        text_config=Qwen2Config(**text, rope_parameters=rope).to_dict(),
        image_token_index=image_token,
        image_grid_pinpoints=[[height, width] for width, height in original["image_grid_pinpoints"]],
        vision_feature_layer=original["mm_vision_select_layer"],
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        tie_word_embeddings=original.get("tie_word_embeddings", False),
    )


def original_config(config: LlavaNextConfig) -> dict[str, Any]:
    """The original's configuration of a model."""
    text = config.text_config.to_dict()
    return {
        **{key: text[key] for key in TEXT_KEYS if key in text},
        "architectures": ["LlavaQwenForCausalLM"],
        "model_type": ORIGINAL,
        "rope_theta": text["rope_parameters"]["rope_theta"],
        "rope_scaling": None,
        "image_aspect_ratio": "anyres",
        "image_grid_pinpoints": [[width, height] for height, width in config.image_grid_pinpoints],
        "mm_hidden_size": config.vision_config.hidden_size,
        "mm_patch_merge_type": "spatial_unpad",
        "mm_projector_type": "mlp2x_gelu",
        "mm_resampler_type": None,
        "mm_use_im_patch_token": False,
        "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": config.vision_feature_layer,
        "mm_vision_tower": CLIP_L_336 if _is_clip_l(config.vision_config) else "vision_tower",
        "use_mm_proj": True,
        "tokenizer_padding_side": "right",
        "tie_word_embeddings": config.tie_word_embeddings,
        "torch_dtype": str(config.dtype).removeprefix("torch."),
    }


def _is_clip_l(vision: CLIPVisionConfig) -> bool:
    table = size_table("clip-l-qwen2-7b")
    return all(getattr(vision, key) == value for key, value in table.vision.items())


def _vision(source: Path, original: dict[str, Any]) -> CLIPVisionConfig:
    """The vision tower's configuration: beside the checkpoint, or CLIP-L/14-336's, which the original names."""
    name = original["mm_vision_tower"]
    if (source / "vision_tower/config.json").is_file():
        return CLIPVisionConfig.from_pretrained(source / "vision_tower")
    if name == CLIP_L_336:
        table = size_table("clip-l-qwen2-7b")
        return CLIPVisionConfig(image_size=table.tile_px, **table.vision)
    raise UserError(f"the vision tower {name} is not known: put its config.json into {source / 'vision_tower'}")


def _tokenizer(folder: Path, original: dict[str, Any]) -> PreTrainedTokenizerBase:
    """The tokenizer, with a token for images that the embeddings have room for."""
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise UserError(f"no tokenizer in {folder}: give its folder with --tokenizer")
    try:
        # With a configuration of its own transformers does not read the original's, of a type that it warns of.
        words = AutoTokenizer.from_pretrained(folder, config=Qwen2Config(), padding_side="right")
    except (OSError, ValueError) as error:
        raise UserError(f"the tokenizer in {folder} cannot be read: give another's folder with --tokenizer") from error
    words.add_tokens(IMAGE, special_tokens=True)
    for mark in (PAD, END, IMAGE):
        if words.convert_tokens_to_ids(mark) in (None, words.unk_token_id) and mark not in words.get_vocab():
            raise UserError(f"the tokenizer in {folder} has no {mark}: it is not a Qwen2's")
    if words.convert_tokens_to_ids(IMAGE) >= original["vocab_size"]:
        raise UserError(f"no room for {IMAGE}: its id would be {words.convert_tokens_to_ids(IMAGE)}")
    return words


def _wanted(config: LlavaNextConfig) -> dict[str, list[int]]:
    """Names on the hub and shapes of all weights; nothing is allocated."""
    with torch.device("meta"):
        model = PackedLlavaNext(config)
    return {name: list(value.shape) for name, value in hub_state(model).items()}


def _write(source: Path, work: Path, rename: Callable[[str], str], wanted: dict[str, list[int]]) -> dict[str, Any]:
    """Write all shards by other names; the same weights stay together.

    Raises:
        UserError: weights are unknown, missing, there twice, or of another shape.
    """
    places: dict[str, str] = {}
    total = 0
    for shard, renamed in _mapped(source, rename, wanted).items():
        with safe_open(source / shard, framework="pt") as file:
            tensors = {new: file.get_tensor(name) for name, new in renamed.items()}
        places |= dict.fromkeys(tensors, shard)
        total += sum(value.nbytes for value in tensors.values())
        save_file(tensors, work / shard, metadata={"format": "pt"})
    if set(places.values()) != {SINGLE}:
        write_json(work / INDEX, {"metadata": {"total_size": total}, "weight_map": places})
    return {"tensors": len(places), "bytes": total, "shards": len(set(places.values()))}


def _mapped(source: Path, rename: Callable[[str], str], wanted: dict[str, list[int]]) -> dict[str, dict[str, str]]:
    """New names of the weights in each shard. Only the shards' heads are read, so that what does not fit is told before
    gigabytes are copied.

    Raises:
        UserError: weights are unknown, missing, there twice, or of another shape.
    """
    found = [(shard, *weight) for shard in _shards(source) for weight in _shapes(source / shard)]
    new_names = {name: _new_name(name, rename) for _, name, _ in found}
    unknown = sorted(name for name, new in new_names.items() if new not in wanted)
    if unknown:
        raise UserError(
            f"{source}: {len(unknown)} of {len(new_names)} weights are not known to its configuration, such as "
            f"{', '.join(unknown[:3])}"
        )
    mapped: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    for shard, name, shape in found:
        new = new_names[name]
        if new in seen:
            raise UserError(f"{source}: {name} is there twice, the second time in {shard}")
        if shape != wanted[new]:
            raise UserError(f"{source}: {name} has shape {shape}, its configuration wants {wanted[new]}")
        seen.add(new)
        mapped.setdefault(shard, {})[name] = new
    missing = sorted(wanted.keys() - seen)
    if missing:
        raise UserError(f"{source} lacks {len(missing)} of {len(wanted)} weights, such as {missing[0]}")
    return mapped


def _shapes(path: Path) -> list[tuple[str, list[int]]]:
    """Names and shapes of the weights in a file."""
    with safe_open(path, framework="pt") as file:
        return [(name, list(file.get_slice(name).get_shape())) for name in weight_names.without_buffers(file.keys())]


def _new_name(name: str, rename: Callable[[str], str]) -> str:
    """Empty for a name that has none in the other layout."""
    try:
        return rename(name)
    except weight_names.UnknownNameError:
        return ""


def _shards(source: Path) -> Iterator[str]:
    """File names of the weights.

    Raises:
        UserError: there are none, or the index leads out of the folder.
    """
    index = source / INDEX
    found = sorted(set(read_json(index)["weight_map"].values())) if index.is_file() else [SINGLE]
    for name in found:
        if Path(name).name != name or not (source / name).is_file():
            raise UserError(f"no weights at {source / name}: safetensors are needed, whole")
    yield from found
