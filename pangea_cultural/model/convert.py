"""Convert checkpoints between the original LLaVA-NeXT layout (llava_qwen) and the hub's: same weights, other names.

One shard is in memory at a time. Every weight is mapped exactly once, and every weight of the configuration must exist
with its shape. The vision tower comes from the checkpoint, because it may have been trained.

A converted model gives the same results for the same pixels, but pixels depend on Pillow's version. Pillow 10.4 to 12.3
scale the width first; Pangea was trained so in 2024. Pillow 13.0 scales the height first if that is less work, and
rounds to bytes in between. The overview tile of portrait images then differs by single brightness levels, and logits by
0.01. Serve a model with the Pillow version that it was trained with.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import safe_open
from transformers import (
    AutoTokenizer,
    CLIPVisionConfig,
    LlavaNextConfig,
    PreTrainedTokenizerBase,
    Qwen2Config,
)

from pangea_cultural.errors import UserError
from pangea_cultural.model import processor, weight_names
from pangea_cultural.model.checkpoint import INDEX, hub_state, save_card, save_generation_config, set_dtype
from pangea_cultural.model.checkpoint_files import require_whole
from pangea_cultural.model.config import load_size
from pangea_cultural.model.modeling import PackedLlavaNext
from pangea_cultural.model.original_config import CLIP_L_336, ORIGINAL, hub_config, original_config, require_keys
from pangea_cultural.model.tensor_files import save_tensors
from pangea_cultural.model.tokenizer import END, IMAGE, PAD
from pangea_cultural.utils.files import atomic_folder, read_json, restore_folder, write_json

SINGLE = "model.safetensors"
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Names of dtypes in safetensors."""
OTHER_CHECKPOINT = "Download it again, or choose another checkpoint."


def convert(source: Path, target: Path, *, tokenizer: Path | None = None, overwrite: bool = False) -> dict[str, Any]:
    """Convert a checkpoint atomically. Its configuration decides the direction.

    Args:
        source: folder of the checkpoint, with safetensors.
        target: folder to create.
        tokenizer: folder of the tokenizer, if the source has none.
        overwrite: replace an existing target.

    Returns:
        A record with direction, checkpoint, tensors, bytes and shards.

    Raises:
        UserError: the source is not a LLaVA-NeXT checkpoint, a weight is unknown, missing or of another shape, or the
            target exists.
    """
    restore_folder(target)  # the target may be the source
    if target.exists() and not overwrite:
        raise UserError(f"{target} exists. Add --overwrite to replace it.")
    config = _config(source)
    require_whole(source)
    to_hub = config["model_type"] == ORIGINAL
    with atomic_folder(target) as partial:
        counts = _to_hub(source, partial, config, tokenizer) if to_hub else _to_original(source, partial)
        layout = "the hub's" if to_hub else "the original LLaVA-NeXT's"
        text = f"Converted from the checkpoint `{source.name}` to {layout} layout; the weights are the same."
        save_card(partial, f"\n# {target.name}\n\n{text}\n", license=None)
    return {"direction": "to hub" if to_hub else "to original", "checkpoint": str(target), **counts}


def _config(source: Path) -> dict[str, Any]:
    if not (source / "config.json").is_file():
        raise UserError(f"No config.json in {source}. Choose the folder of a checkpoint.")
    try:
        config = read_json(source / "config.json")
    except orjson.JSONDecodeError as error:
        raise UserError(f"{source / 'config.json'} is not JSON ({error}). Download it again.") from error
    if config.get("model_type") not in (ORIGINAL, "llava_next"):
        raise UserError(
            f"{source} is of type {config.get('model_type')}. Choose a {ORIGINAL} or llava_next checkpoint."
        )
    return config


def _to_hub(source: Path, target: Path, original: dict[str, Any], tokenizer_folder: Path | None) -> dict[str, Any]:
    require_keys(original)
    tokenizer = _tokenizer(tokenizer_folder or source, original)
    config = hub_config(original, _vision(source, original), image_token=tokenizer.convert_tokens_to_ids(IMAGE))
    config.text_config.pad_token_id = tokenizer.convert_tokens_to_ids(PAD)
    set_dtype(config, _dtype(source))
    counts = _write_weights(source, target, weight_names.from_original, _hub_shapes(config))
    config.architectures = ["LlavaNextForConditionalGeneration"]
    config.save_pretrained(target)
    processor.build_processor(config, tokenizer).save_pretrained(target)
    save_generation_config(tokenizer, target)
    return counts


def _to_original(source: Path, target: Path) -> dict[str, Any]:
    config = LlavaNextConfig.from_pretrained(source)
    set_dtype(config, _dtype(source))
    original = original_config(config)  # refuses variants before gigabytes are copied
    shapes = {weight_names.to_original(name): shape for name, shape in _hub_shapes(config).items()}
    counts = _write_weights(source, target, weight_names.to_original, shapes)
    write_json(target / "config.json", original)
    config.vision_config.save_pretrained(target / "vision_tower")
    AutoTokenizer.from_pretrained(source).save_pretrained(target)
    return counts


def _dtype(source: Path) -> torch.dtype:
    """Return the dtype of most weights of a checkpoint, by its files: a configuration may state another one.

    Raises:
        UserError: they are quantized, or of another type that training does not have.
    """
    scalars: Counter[str] = Counter()
    for shard in _shards(source):
        with safe_open(source / shard, framework="pt") as file:
            for part in map(file.get_slice, weight_names.without_buffers(file.keys())):
                scalars[part.get_dtype()] += math.prod(part.get_shape())
    name = max(scalars, key=scalars.__getitem__, default="none")
    if name not in DTYPES:
        raise UserError(f"The weights of {source} are of type {name}. Choose a checkpoint that is not quantized.")
    return DTYPES[name]


def _vision(source: Path, original: dict[str, Any]) -> CLIPVisionConfig:
    """Return the vision tower's configuration: the one in the checkpoint, or that of CLIP-L/14-336."""
    name = original["mm_vision_tower"]
    if (source / "vision_tower/config.json").is_file():
        return CLIPVisionConfig.from_pretrained(source / "vision_tower")
    if name == CLIP_L_336:
        size = load_size("clip-l-qwen2-7b")
        return CLIPVisionConfig(image_size=size.tile_px, **size.vision)
    raise UserError(f"The vision tower {name} is unknown. Put its config.json into {source / 'vision_tower'}.")


def _tokenizer(folder: Path, original: dict[str, Any]) -> PreTrainedTokenizerBase:
    """Return the tokenizer with an image token, for which the embeddings must have a row."""
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise UserError(f"No tokenizer in {folder}. Pass its folder with --tokenizer.")
    try:
        # With `config`, transformers does not read the original's configuration and warn of its unknown type.
        tokenizer = AutoTokenizer.from_pretrained(folder, config=Qwen2Config(), padding_side="right")
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read the tokenizer in {folder}. Pass another folder with --tokenizer.") from error
    tokenizer.add_tokens(IMAGE, special_tokens=True)
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in (PAD, END, IMAGE)}
    for token, id in ids.items():
        if id in (None, tokenizer.unk_token_id) and token not in tokenizer.get_vocab():
            raise UserError(f"The tokenizer in {folder} lacks {token}. Pass the folder of a Qwen2 tokenizer.")
    if ids[IMAGE] >= original["vocab_size"]:
        raise UserError(f"The embeddings have no row for {IMAGE} (id {ids[IMAGE]}). Pass the checkpoint's tokenizer.")
    return tokenizer


def _hub_shapes(config: LlavaNextConfig) -> dict[str, list[int]]:
    """Return the shapes of all weights by their names on the hub. Nothing is allocated."""
    with torch.device("meta"):
        model = PackedLlavaNext(config)
    return {name: list(value.shape) for name, value in hub_state(model).items()}


def _write_weights(
    source: Path, target: Path, rename: Callable[[str], str], shapes: dict[str, list[int]]
) -> dict[str, Any]:
    """Write all shards with the new names of their weights.

    Raises:
        UserError: weights are unknown, missing, duplicate, or of another shape.
    """
    weight_map: dict[str, str] = {}
    total = 0
    for shard, renamed in _new_names(source, rename, shapes).items():
        with safe_open(source / shard, framework="pt") as file:
            tensors = {new: file.get_tensor(name) for name, new in renamed.items()}
        weight_map |= dict.fromkeys(tensors, shard)
        total += sum(value.nbytes for value in tensors.values())
        save_tensors(tensors, target / shard)
    if set(weight_map.values()) != {SINGLE}:
        write_json(target / INDEX, {"metadata": {"total_size": total}, "weight_map": weight_map})
    return {"tensors": len(weight_map), "bytes": total, "shards": len(set(weight_map.values()))}


def _new_names(source: Path, rename: Callable[[str], str], shapes: dict[str, list[int]]) -> dict[str, dict[str, str]]:
    """Return the new names of the weights in each shard.

    Only headers are read, so that errors come before gigabytes are copied.

    Raises:
        UserError: weights are unknown, missing, duplicate, or of another shape.
    """
    weights = [(shard, *weight) for shard in _shards(source) for weight in _shapes(source / shard)]
    new_names = {name: _new_name(name, rename) for _, name, _ in weights}
    unknown = sorted(name for name, new in new_names.items() if new not in shapes)
    if unknown:
        raise UserError(
            f"{source} has {len(unknown)} of {len(new_names)} weights that its configuration lacks, such as "
            f"{', '.join(unknown[:3])}. {OTHER_CHECKPOINT}"
        )
    by_shard: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    for shard, name, shape in weights:
        new = new_names[name]
        if new in seen:
            raise UserError(f"{source} has {name} twice, the second time in {shard}. {OTHER_CHECKPOINT}")
        if shape != shapes[new]:
            raise UserError(f"{name} in {source} has shape {shape}, expected {shapes[new]}. {OTHER_CHECKPOINT}")
        seen.add(new)
        by_shard.setdefault(shard, {})[name] = new
    missing = sorted(shapes.keys() - seen)
    if missing:
        raise UserError(
            f"{source} lacks {len(missing)} of {len(shapes)} weights, such as {missing[0]}. {OTHER_CHECKPOINT}"
        )
    return by_shard


def _shapes(path: Path) -> list[tuple[str, list[int]]]:
    """Return the names and shapes of the weights in a file."""
    with safe_open(path, framework="pt") as file:
        return [(name, list(file.get_slice(name).get_shape())) for name in weight_names.without_buffers(file.keys())]


def _new_name(name: str, rename: Callable[[str], str]) -> str:
    """Return the name in the other layout, or an empty string."""
    try:
        return rename(name)
    except weight_names.UnknownNameError:
        return ""


def _shards(source: Path) -> Iterator[str]:
    """Yield the file names of the weights.

    Raises:
        UserError: a file does not exist, or is outside of the folder.
    """
    index = source / INDEX
    names = sorted(set(read_json(index)["weight_map"].values())) if index.is_file() else [SINGLE]
    for name in names:
        if Path(name).name != name or not (source / name).is_file():
            raise UserError(f"No weights at {source / name}. Download all safetensors of the checkpoint.")
    yield from names
