"""Files of weights that a team can read."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from pangea_cultural.utils.files import apply_umask


def save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file with the rights of any new file. A server can run as another user."""
    save_file(tensors, path, metadata={"format": "pt"})
    apply_umask(path)
