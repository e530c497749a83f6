"""The native layout, as `pcult build` writes it: Parquet files without images, and the image files."""

from typing import Any

from factory.exchange.formats import base
from factory.exchange.formats.images import copy_images
from factory.exchange.source import Source
from factory.exchange.target import Target
from pangea_cultural.dataset.export import MANIFEST, SPLITS, questions_name
from pangea_cultural.dataset.tables import IMAGES
from pangea_cultural.errors import UserError

SNIPPET = """
from pathlib import Path

from datasets import load_dataset

folder = str(Path.cwd())  # or the name of a repository on the hub
data = load_dataset(folder)
images = load_dataset(folder, "images", split="images")
"""


def _write(source: Source, target: Target, options: base.Options) -> None:
    for name in (*map(questions_name, SPLITS), MANIFEST):
        target.copy(source.export.path / name, name)
        if name != MANIFEST and target.files[name] != source.export.manifest["files"].get(name):
            folder = source.export.path
            raise UserError(f"{folder / name} differs from the manifest. Run `pcult data check {folder}`.")
    copy_images(source, target)


def _configs(source: Source) -> list[dict[str, Any]]:
    return [base.config(base.by_split(source, questions_name("{split}"))), credits_config()]


def credits_config() -> dict[str, Any]:
    """Return the configuration of the table of images."""
    return {"config_name": "images", "data_files": [{"split": "images", "path": IMAGES}]}


FORMAT = base.Format(
    name="native",
    summary="Parquet files with the questions, `images.parquet` with author and license of each image, image files.",
    write=_write,
    configs=_configs,
    snippet=SNIPPET,
)
