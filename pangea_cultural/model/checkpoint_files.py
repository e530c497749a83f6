"""Files of a checkpoint that a download has left incomplete. They are found before anything is loaded."""

from pathlib import Path

import orjson
from safetensors import SafetensorError, safe_open

from pangea_cultural.errors import UserError
from pangea_cultural.model.checkpoint import INDEX
from pangea_cultural.utils import lfs
from pangea_cultural.utils.files import read_json

LOADED = (".safetensors", ".bin", ".json", ".jinja", ".txt", ".model")
"""Suffixes of the files of a checkpoint that are loaded."""


def require_whole(folder: Path) -> None:
    """Check the files of a checkpoint. Only their beginnings are read, and the sizes of weights.

    Raises:
        UserError: a file is a Git LFS pointer, weights are truncated, or a file of the index is missing.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix in LOADED and path.is_file():
            _require_content(path)
    for name in _listed(folder / INDEX):
        if not (folder / name).is_file():
            raise UserError(f"No weights at {folder / name}. Download all safetensors of the checkpoint.")


def _require_content(path: Path) -> None:
    lfs.require_content(path)
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="numpy"):
                pass
        except SafetensorError as error:
            raise UserError(f"{path} is truncated or damaged ({error}). Download it again.") from error


def _listed(index: Path) -> list[str]:
    """Return the files of weights that an index names; none if there is no index."""
    if not index.is_file():
        return []
    try:
        return sorted(set(read_json(index)["weight_map"].values()))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{index} is not an index of weights. Download it again.") from error
