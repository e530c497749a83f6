"""Checks of a checkpoint before vLLM starts: it would report the same faults after a minute, in its own words."""

import struct
from pathlib import Path
from typing import Any

import orjson

from pangea_cultural.errors import UserError
from pangea_cultural.model import weight_names
from pangea_cultural.utils import lfs
from pangea_cultural.utils.files import read_json

REQUIRED_FILES = ("config.json", "tokenizer.json", "processor_config.json")
TEMPLATES = ("chat_template.jinja", "chat_template.json")
"""Files with the chat template. It can also be in the two files below."""
TEMPLATE_HOLDERS = ("processor_config.json", "tokenizer_config.json")
INDEX = "model.safetensors.index.json"
ORIGINAL_TYPE = "llava_qwen"
MOST_HEADER = 100_000_000
"""Largest header of a safetensors file, as its library has it."""
FLOAT32 = 4
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1}


def check_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """Return the content of a checkpoint's config.json.

    Raises:
        UserError: the folder is not a complete checkpoint in the hub's layout; the message names what to do.
    """
    if not checkpoint.is_dir():
        raise UserError(f"No checkpoint at {checkpoint}. Train one with `pcult train RECIPE`.")
    config = _json(checkpoint / "config.json")
    if config.get("model_type") == ORIGINAL_TYPE:
        raise _original(checkpoint)
    missing = [name for name in REQUIRED_FILES if not (checkpoint / name).is_file()]
    if not any(checkpoint.glob("*.safetensors")):
        missing.append("*.safetensors")
    listed = _json(checkpoint / INDEX).get("weight_map", {})
    if isinstance(listed, dict):
        missing += sorted({str(name) for name in listed.values() if not (checkpoint / str(name)).is_file()})
    if missing:
        raise UserError(f"{checkpoint} is not a checkpoint: {', '.join(missing)} missing. Choose another folder.")
    if not isinstance(config.get("text_config"), dict):
        raise UserError(f"{checkpoint / 'config.json'} describes no LLaVA-NeXT model. Choose another checkpoint.")
    _check_weights(checkpoint)
    if not _has_template(checkpoint):
        raise UserError(f"{checkpoint} has no chat template. Add chat_template.jinja of the model it comes from.")
    return config


def _check_weights(checkpoint: Path) -> None:
    for path in sorted(checkpoint.glob("*.safetensors")):
        for name in header_of(path):
            if name.startswith(("model.mm_projector.", "model.vision_tower.vision_tower.")):
                raise _original(checkpoint)
            module = weight_names.PREFIXES[4][weight_names.MODULES]
            if name.startswith(module):
                fact = f"{path} has weights under the names of transformers' modules, which vLLM does not load"
                raise UserError(f"{fact}. Save the checkpoint in the hub's layout.")


def _original(checkpoint: Path) -> UserError:
    target = checkpoint.with_name(f"{checkpoint.resolve().name}-hf")
    return UserError(
        f"{checkpoint} has the original LLaVA-NeXT layout. Convert it with `pcult convert {checkpoint} {target}`."
    )


def _has_template(checkpoint: Path) -> bool:
    if any((checkpoint / name).is_file() for name in TEMPLATES):
        return True
    return any(_json(checkpoint / name).get("chat_template") for name in TEMPLATE_HOLDERS)


def _json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if there is no file.

    Raises:
        UserError: the file is not a JSON object.
    """
    if not path.is_file():
        return {}
    try:
        value = read_json(path)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{path} is not a JSON object. Download it again.")
    return value


def header_of(path: Path) -> dict[str, Any]:
    """Return the weights of a safetensors file by their names; none if vLLM must judge the file.

    Raises:
        UserError: the file is a Git LFS pointer.
    """
    lfs.require_content(path)
    with path.open("rb") as stream:
        start = stream.read(8)
        if len(start) < 8:
            return {}
        (length,) = struct.unpack("<Q", start)
        if length > min(MOST_HEADER, path.stat().st_size):
            return {}
        try:
            header = orjson.loads(stream.read(length))
        except orjson.JSONDecodeError:
            return {}
    return {name: value for name, value in header.items() if name != "__metadata__"} if isinstance(header, dict) else {}


def float32_bytes(checkpoint: Path) -> int:
    """Return the memory of all weights in float32, the precision on CPUs."""
    total = 0
    for path in checkpoint.glob("*.safetensors"):
        for weight in header_of(path).values():
            begin, end = weight["data_offsets"]
            total += (end - begin) * FLOAT32 // BYTES.get(weight["dtype"], FLOAT32)
    return total
