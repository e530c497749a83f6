"""The golden checkpoint with heads of 32 channels for its 16, because vLLM's attention on CPU takes no smaller ones.

It computes the same: what is new is zero, and numbers that hang on the width are made up for. vLLM's Qwen2 divides its
hidden size by its heads, so that the hidden size doubles, too.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from pangea_cultural.utils.files import read_json, write_json

HIDDEN, HEAD = 64, 16
PLACES = [*range(8), *range(16, 24)]
"""Where a head's channels go: the rotation turns each together with that which is half a head away."""


def with_wider_heads(source: Path, target: Path) -> Path:
    """Copy a converted golden checkpoint, wider."""
    shutil.copytree(source, target)
    config = read_json(target / "config.json")
    text = config["text_config"]
    text["hidden_size"] = 2 * HIDDEN
    # The mean of squares is half of what it was. With twice the channels, theta squared turns each as fast as before.
    text["rms_norm_eps"] /= 2
    text["rope_parameters"]["rope_theta"] **= 2
    write_json(target / "config.json", config)
    for path in target.glob("*.safetensors"):
        wide = {name: _wide(name, value).contiguous() for name, value in load_file(path).items()}
        save_file(wide, path, metadata={"format": "pt"})
    return target


def _wide(name: str, value: torch.Tensor) -> torch.Tensor:
    if name.startswith("vision_tower."):
        return value
    if "norm" in name:
        value = value / 2**0.5
    if "q_proj" in name:
        # Scores are divided by the root of a head's channels.
        value = value * 2**0.5
    if "o_proj" in name:
        value = _spread(value.T).T
    if any(part in name for part in ("q_proj", "k_proj", "v_proj")):
        return _padded(_spread(value), range(1, value.dim()))
    if "linear_1" in name:
        return _padded(value, [0])  # its input is the vision tower's
    return _padded(value, [axis for axis, size in enumerate(value.shape) if size == HIDDEN])


def _spread(value: torch.Tensor) -> torch.Tensor:
    """Rows of heads, with rows of zeros between."""
    heads = value.unflatten(0, (-1, HEAD))
    wide = value.new_zeros(len(heads), 2 * HEAD, *value.shape[1:])
    wide[:, PLACES] = heads
    return wide.flatten(0, 1)


def _padded(value: torch.Tensor, axes) -> torch.Tensor:
    """With as many zeros behind it, along each axis."""
    for axis in axes:
        value = torch.cat([value, torch.zeros_like(value)], axis)
    return value
