"""The golden checkpoint with heads of 32 channels in place of 16, the minimum of vLLM's CPU attention.

Its results are the same: new channels are zero, and factors that depend on the width are compensated. The hidden size
doubles as well, because vLLM's Qwen2 derives the head size from it.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from pangea_cultural.utils.files import read_json, write_json

HIDDEN, HEAD = 64, 16
CHANNELS = [*range(8), *range(16, 24)]
"""New positions of a head's channels. Rotary embeddings rotate pairs of channels that are half a head apart."""


def widen_heads(source: Path, target: Path) -> Path:
    """Copy a converted golden checkpoint with wider heads."""
    shutil.copytree(source, target)
    config = read_json(target / "config.json")
    text = config["text_config"]
    text["hidden_size"] = 2 * HIDDEN
    # The mean of squares halves. With twice the channels, the square of theta gives each the same frequency.
    text["rms_norm_eps"] /= 2
    text["rope_parameters"]["rope_theta"] **= 2
    write_json(target / "config.json", config)
    for path in target.glob("*.safetensors"):
        wide = {name: _widen(name, value).contiguous() for name, value in load_file(path).items()}
        save_file(wide, path, metadata={"format": "pt"})
    return target


def _widen(name: str, value: torch.Tensor) -> torch.Tensor:
    if name.startswith("vision_tower."):
        return value
    if "norm" in name:
        value = value / 2**0.5
    if "q_proj" in name:
        # Attention scores are divided by the square root of the head size.
        value = value * 2**0.5
    if "o_proj" in name:
        value = _insert_zero_rows(value.T).T
    if any(part in name for part in ("q_proj", "k_proj", "v_proj")):
        return _pad(_insert_zero_rows(value), range(1, value.dim()))
    if "linear_1" in name:
        return _pad(value, [0])  # its input is that of the vision tower
    return _pad(value, [axis for axis, size in enumerate(value.shape) if size == HIDDEN])


def _insert_zero_rows(value: torch.Tensor) -> torch.Tensor:
    """Return the rows of each head at CHANNELS, with zeros between."""
    heads = value.unflatten(0, (-1, HEAD))
    wide = value.new_zeros(len(heads), 2 * HEAD, *value.shape[1:])
    wide[:, CHANNELS] = heads
    return wide.flatten(0, 1)


def _pad(value: torch.Tensor, axes) -> torch.Tensor:
    """Double the size along each axis with zeros."""
    for axis in axes:
        value = torch.cat([value, torch.zeros_like(value)], axis)
    return value
