"""The image files of an export, linked or copied into another folder."""

from pathlib import Path

from factory.exchange.source import Source
from factory.exchange.target import Target
from pangea_cultural.utils.files import link_or_copy
from pangea_cultural.utils.sealed import seal


def copy_images(source: Source, target: Target) -> None:
    """Link the images of all questions into the folder, or copy them where links are not possible."""
    folders: set[Path] = set()
    for row in source.rows("SELECT DISTINCT image FROM question WHERE image <> '' ORDER BY image"):
        name = row["image"]
        path, copy = source.image_file(name), target.folder / name
        if copy.parent not in folders:
            copy.parent.mkdir(parents=True, exist_ok=True)
            folders.add(copy.parent)
        if not link_or_copy(path, copy):
            seal(copy)
