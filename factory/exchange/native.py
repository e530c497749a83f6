"""Our own export: Parquet files and a folder of images, as pangea_cultural/dataset/export.py reads them."""

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

OWN_IMAGE = re.compile(rf"([0-9a-f]{{2}})/(\1[0-9a-f]{{62}}\.[a-z]+|\.\1[0-9a-f]{{62}}\.[a-z]+\.{RANDOM_SUFFIX})")
"""An image below `images/`, or what a kill has left of one."""


def run(
    store: Store, scope: Scope, recipe: dict[str, Any], image_folder: Path, folder: Path, reporter: Reporter
) -> tuple[int, int]:
    """Write the export, the manifest last. Returns how many questions are in the store and in the export."""
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
    _place_images(names, image_folder, folder, reporter)
    _remove_cut_off([*files, export.MANIFEST], folder)
    _remove_unlisted(set(names), folder)
    write_json(folder / export.MANIFEST, _manifest(store, scope, recipe, files, counts))
    return store.value("SELECT count(*) FROM question"), sum(counts.values())


def _write_parquet(table: pa.Table, path: Path) -> str:
    """Write a table and give the file's SHA-256."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return sha256_file(path)


def _place_images(names: list[str], images: Path, folder: Path, reporter: Reporter) -> None:
    """Link the images into the export; copy them where the file system cannot link."""
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


def _remove_cut_off(names: list[str], folder: Path) -> None:
    """Remove what kills have left of files that were being written; what a user keeps in the folder stays."""
    for name in names:
        for path in leftover_temporaries(folder / name):
            if path.is_file():
                path.unlink()


def _remove_unlisted(names: set[str], folder: Path) -> None:
    """Remove images of an earlier recipe, whose authors and licenses no table tells any more.

    Links to folders are left alone: what lies behind them may be the workspace's own images. So is what has not the
    form of our images: it is a user's own, or of `pcult data synthetic-chat`.
    """
    images = folder / "images"
    if images.is_symlink() or not images.is_dir():
        return
    for place in [path for path in images.glob("[0-9a-f][0-9a-f]") if path.is_dir() and not path.is_symlink()]:
        for image in list(place.iterdir()):
            name = image.relative_to(images).as_posix()
            if f"images/{name}" not in names and OWN_IMAGE.fullmatch(name) and image.is_file():
                image.unlink()
        if not any(place.iterdir()):
            place.rmdir()
    if not any(images.iterdir()):
        images.rmdir()


def _manifest(
    store: Store, scope: Scope, recipe: dict[str, Any], files: dict[str, str], counts: dict[str, int]
) -> dict[str, Any]:
    """What the export is; no times and no paths, so that the same build gives the same bytes."""
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
