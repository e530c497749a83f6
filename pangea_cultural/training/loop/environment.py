"""Package versions and machine of a training run."""

import platform
from typing import Any

import torch

from pangea_cultural.utils.environment import commit, versions

PACKAGES = (
    *("pangea-cultural", "torch", "transformers", "tokenizers", "accelerate", "numpy", "pillow"),
    *("peft", "bitsandbytes", "deepspeed"),
)
"""Packages whose versions are recorded, if they are installed."""


def environment() -> dict[str, Any]:
    """Return the versions, the commit, the device and its peak memory in bytes, as JSON values."""
    on_gpu = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": versions(PACKAGES),
        "commit": commit(),
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "cuda": torch.version.cuda if on_gpu else None,
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
    }
