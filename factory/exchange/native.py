"""The native export: Parquet files and a folder of images, as `pangea_cultural.dataset.export` reads them."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from factory.scope import Scope
from factory.store.store import Store
from pangea_cultural import __version__
from pangea_cultural.dataset import export, question
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import RANDOM_SUFFIX, atomic_path, leftover_temporaries, sha256_file, write_json

QUESTIONS = """
SELECT q.* EXCLUDE (image), CASE WHEN q.image = '' THEN '' ELSE 'images/' || i.path END AS image
FROM question q
JOIN split s ON s.image = CASE WHEN q.image = '' THEN q.entity ELSE q.image END
LEFT JOIN image i ON i.image = q.image
WHERE s.split = $split AND NOT (s.split = 'train' AND list_contains($held_out_languages::VARCHAR[], q.language))
ORDER BY q.id
"""

IMAGES = """
SELECT 'images/' || i.path AS image, any_value(i.file) AS file, min(e.entity) AS entity, any_value(i.author) AS author,
       any_value(CASE WHEN i.attribution = '' THEN i.author ELSE i.attribution END) AS attribution,
       any_value(i.license) AS license, any_value(i.license_code) AS license_code,
       any_value(i.license_url) AS license_url, any_value(i.source) AS source, any_value(i.page) AS page,
       any_value(i.changes) AS changes, any_value(i.restrictions) AS restrictions,
       any_value(i.width) AS width, any_value(i.height) AS height
FROM image i JOIN entity_image e USING (image)
WHERE i.image IN (SELECT image FROM question)
GROUP BY i.path ORDER BY i.path
"""

EXPORTED_IMAGE = re.compile(rf"([0-9a-f]{{2}})/(\1[0-9a-f]{{62}}\.[a-z]+|\.\1[0-9a-f]{{62}}\.[a-z]+\.{RANDOM_SUFFIX})")
"""Path of an exported image below `images/`, or of its temporary file."""


def run(
    store: Store, scope: Scope, recipe: dict[str, Any], image_folder: Path, folder: Path, reporter: Reporter
) -> tuple[int, int]:
    """Write the export, the manifest last.

    Args:
        store: has the questions, images and splits.
        scope: names the held-out languages.
        recipe: part of the recipe that the manifest repeats.
        image_folder: folder of the workspace's images.
        folder: folder of the export.
        reporter: shows progress.

    Returns:
        Numbers of questions in the store and in the export.
    """
    (folder / export.MANIFEST).unlink(missing_ok=True)
    files = {}
    counts = {}
    for split in export.SPLITS:
        table = store.table(QUESTIONS, {"split": split, "held_out_languages": list(scope.held_out_languages)})
        table = table.select(question.QUESTION_SCHEMA.names).cast(question.QUESTION_SCHEMA)
        files[f"questions-{split}.parquet"] = _write_parquet(table, folder / f"questions-{split}.parquet")
        counts[split] = table.num_rows
    images = store.table(IMAGES)
    files["images.parquet"] = _write_parquet(images, folder / "images.parquet")
    names = images["image"].to_pylist()
    _link_images(names, image_folder, folder, reporter)
    _remove_temporaries([*files, export.MANIFEST], folder)
    _remove_unlisted(set(names), folder)
    write_json(folder / export.MANIFEST, _manifest(store, scope, recipe, files, counts))
    return store.value("SELECT count(*) FROM question"), sum(counts.values())


def _write_parquet(table: pa.Table, path: Path) -> str:
    """Write a table and return the file's SHA-256."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return sha256_file(path)


def _link_images(names: list[str], images: Path, folder: Path, reporter: Reporter) -> None:
    """Hard-link the images into the export, or copy them if the file system has no links."""
    with reporter.bar("export: images", len(names), "files") as bar:
        for name in names:
            target = folder / name
            if not target.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                source = images / name.removeprefix("images/")
                try:
                    os.link(source, target)
                except OSError:
                    with atomic_path(target) as temporary:
                        shutil.copyfile(source, temporary)
            bar.advance()


def _remove_temporaries(names: list[str], folder: Path) -> None:
    """Remove the temporary files of interrupted writes. Other files of the user stay."""
    for name in names:
        for path in leftover_temporaries(folder / name):
            if path.is_file():
                path.unlink()


def _remove_unlisted(names: set[str], folder: Path) -> None:
    """Remove images of an earlier recipe: images.parquet does not have their authors and licenses.

    Linked folders are left alone, because they may hold the workspace's images. So are files with other names, which
    are the user's or from `pcult data synthetic-chat`.
    """
    images = folder / "images"
    if images.is_symlink() or not images.is_dir():
        return
    subfolders = [path for path in images.glob("[0-9a-f][0-9a-f]") if path.is_dir() and not path.is_symlink()]
    for subfolder in subfolders:
        for image in list(subfolder.iterdir()):
            name = image.relative_to(images).as_posix()
            if f"images/{name}" not in names and EXPORTED_IMAGE.fullmatch(name) and image.is_file():
                image.unlink()
        if not any(subfolder.iterdir()):
            subfolder.rmdir()
    if not any(images.iterdir()):
        images.rmdir()


def _manifest(
    store: Store, scope: Scope, recipe: dict[str, Any], files: dict[str, str], counts: dict[str, int]
) -> dict[str, Any]:
    """Return the manifest. It has no times and no paths, so that equal builds write equal bytes."""
    by_language = store.rows("SELECT language, question_type, count(*) FROM question GROUP BY ALL ORDER BY ALL")
    return {
        "format": export.FORMAT,
        "recipe": recipe,
        "version": __version__,
        "held_out_languages": list(scope.held_out_languages),
        "questions": counts,
        "questions_by_language": {f"{language} {question_type}": n for language, question_type, n in by_language},
        "entities": store.value("SELECT count(DISTINCT entity) FROM question"),
        "images": store.value("SELECT count(DISTINCT image) FROM question WHERE image <> ''"),
        "files": files,
    }
