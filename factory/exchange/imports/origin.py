"""The origin of an import: what its manifest keeps of the export that the data was written from."""

from pathlib import Path
from typing import Any

from pangea_cultural.dataset import manifest
from pangea_cultural.dataset.manifest import DESCRIPTION, MANIFEST
from pangea_cultural.errors import UserError

KEPT = ("recipe", "held_out_languages", "held_out", "unreviewed_languages", "audit", "withdrawn")
"""Keys of the manifest that stay true for the imported rows."""


def read(path: Path, format: str, name: str, *, keeps_ids: bool) -> dict[str, Any]:
    """Return the keys of the origin. Data that others published has none but the name of the new export.

    Args:
        path: file or folder of the data set.
        format: format of the import.
        name: name of the new export.
        keeps_ids: whether the format is one of this project, so that the data must have an origin.

    Raises:
        UserError: the data must have an origin and has none, or it is garbled.
    """
    if format == "native":
        content = manifest.read(path / MANIFEST)
        return {key: content[key] for key in KEPT if key in content}
    description = path / DESCRIPTION
    if keeps_ids and not description.is_file():
        raise UserError(f"No {DESCRIPTION} at {path}: its held-out languages are unknown. Pull the complete data set.")
    if not (keeps_ids or (format == "culturalground" and description.is_file())):
        return {"recipe": {"name": name}, "held_out_languages": []}
    origin, where = manifest.read_object(description).get("export"), f"{description}: export"
    if not isinstance(origin, dict):
        raise UserError(f"{where}: not an object. Pull the complete data set.")
    manifest.check_shape(manifest.Origin, origin, where)
    return {key: origin[key] for key in KEPT if key in origin}
