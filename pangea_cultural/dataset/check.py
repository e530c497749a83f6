"""The check of an export: integrity, splits, held-out languages and licenses."""

from collections.abc import Iterator

import pyarrow.compute as pc

from pangea_cultural.dataset.export import SPLITS, Export
from pangea_cultural.utils.files import sha256_file


def check(export: Export) -> list[str]:
    """Return the problems of an export, one line each; empty for a valid export.

    The check reads only the export's files, not the store:

    - every file has the hash of the manifest;
    - no row of `train` is in a held-out language;
    - no image of `train` (or entity, if a question has no image) occurs in another split;
    - every image has a file whose content has the hash in its name, and a license.
    """
    return [*_wrong_hashes(export), *_leaked_languages(export), *_leaked_images(export), *_bad_images(export)]


def _wrong_hashes(export: Export) -> Iterator[str]:
    for name, digest in export.manifest["files"].items():
        if not (export.path / name).is_file():
            yield f"{name}: missing"
        elif sha256_file(export.path / name) != digest:
            yield f"{name}: content differs from the manifest"


def _leaked_languages(export: Export) -> Iterator[str]:
    trained = set(pc.unique(export.table("train")["language"]).to_pylist())
    for code in sorted(trained & set(export.held_out_languages)):
        yield f"train: rows in held-out language {code}"


def _leaked_images(export: Export) -> Iterator[str]:
    trained = _subjects(export, "train")
    for split in SPLITS[1:]:
        shared = trained & _subjects(export, split)
        if shared:
            yield f"{split}: {len(shared)} images are also in train, such as {min(shared)}"


def _subjects(export: Export, split: str) -> set[str]:
    """Return the images of a split's questions, and the entities of questions without an image."""
    table = export.table(split)
    subjects = pc.if_else(pc.equal(table["image"], ""), table["entity"], table["image"])
    return set(pc.unique(subjects).to_pylist())


def _bad_images(export: Export) -> Iterator[str]:
    known = set()
    for row in export.images().to_pylist():
        known.add(row["image"])
        path = export.path / row["image"]
        if not path.is_file():
            yield f"{row['image']}: missing"
        elif sha256_file(path) != path.stem:
            yield f"{row['image']}: content differs from its name"
        if not row["license"]:
            yield f"{row['image']}: no license"
    for split in SPLITS:
        for image in sorted(set(pc.unique(export.table(split)["image"]).to_pylist()) - known - {""}):
            yield f"{split}: image {image} is not in images.parquet"
