"""The native export: Parquet files and a folder of images, as `pangea_cultural.dataset.export` reads them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from factory.exchange.question_files import write_questions
from factory.scope import Scope
from factory.store.store import Store
from pangea_cultural import __version__
from pangea_cultural.dataset import export, tables
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import (
    RANDOM_SUFFIX,
    atomic_path,
    leftover_temporaries,
    link_or_copy,
    sha256_file,
    write_json,
)
from pangea_cultural.utils.sealed import is_intact, seal

IMAGES = """
SELECT 'images/' || i.path AS image, any_value(i.file) AS file, min(e.entity) AS entity, any_value(i.author) AS author,
       any_value(CASE WHEN i.attribution = '' THEN i.author ELSE i.attribution END) AS attribution,
       any_value(i.license) AS license, any_value(i.license_code) AS license_code,
       any_value(i.license_code) <> '' AS free_license,
       any_value(i.license_url) AS license_url, any_value(i.source) AS source, any_value(i.page) AS page,
       any_value(i.changes) AS changes, any_value(i.restrictions) AS restrictions,
       any_value(i.width) AS width, any_value(i.height) AS height, any_value(r.relevance) AS relevance
FROM image i JOIN entity_image e USING (image)
LEFT JOIN (SELECT image, min(probability) AS relevance FROM relevance GROUP BY image) r USING (image)
WHERE i.image IN (
    SELECT image FROM item JOIN drawn_question USING (item)
)
GROUP BY i.path ORDER BY i.path
"""

HELD_OUT_IMAGES = f"""
SELECT exported.*, shown.entities, shown.held_out
FROM ({IMAGES}) exported
JOIN (
    SELECT 'images/' || any_value(i.path) AS image, list(DISTINCT e.entity ORDER BY e.entity) AS entities,
           coalesce(list(DISTINCT h.part ORDER BY h.part) FILTER (h.part IS NOT NULL), []) AS held_out
    FROM image i JOIN entity_image e USING (image) LEFT JOIN held_out_entity h USING (entity) GROUP BY i.image
) shown USING (image)
ORDER BY image
"""
"""Images of an export that holds entities out: also all entities of an image, and why they are held out."""
HELD_OUT = """
SELECT (SELECT map_from_entries(list((part, n) ORDER BY part))
        FROM (SELECT part, count(*) AS n FROM held_out_entity GROUP BY part)) AS entities,
       (SELECT count(*) + count(wrong1) FROM drawn_question SEMI JOIN held_out_answer USING (item, variant)) AS answers
"""

STATEMENTS = """
WITH shown AS (
    SELECT entity, right_values FROM item JOIN drawn_question USING (item)
)
SELECT entity, property, value, language, text, file, line, author, source, license, license_code
FROM statement
WHERE property <> 'P18' AND entity IN (SELECT entity FROM shown UNION SELECT unnest(right_values) FROM shown)
ORDER BY entity, property, file, line
"""
"""Rows of own knowledge behind the questions. Those of images are in images.parquet."""

EXPORTED_IMAGE = re.compile(rf"([0-9a-f]{{2}})/(\1[0-9a-f]{{62}}\.[a-z]+|\.\1[0-9a-f]{{62}}\.[a-z]+\.{RANDOM_SUFFIX})")
"""Path of an exported image below `images/`, or of its temporary file."""


def run(
    store: Store,
    scope: Scope,
    published: dict[str, Any],
    image_folder: Path,
    folder: Path,
    audit: Callable[[Path], dict[str, Any]],
    reporter: Reporter,
) -> tuple[int, int]:
    """Write the export, the manifest last.

    Args:
        store: has the questions, images and splits.
        scope: names the held-out languages.
        published: keys that the manifest repeats: the recipe, the languages whose templates are not reviewed, and the
            withdrawal list.
        image_folder: folder of the workspace's images.
        folder: folder of the export.
        audit: returns the figures of the audit of a folder with questions, which the manifest has.
        reporter: shows progress.

    Returns:
        Numbers of questions in the store, and in the export.
    """
    (folder / export.MANIFEST).unlink(missing_ok=True)
    files, counts = write_questions(store, folder)
    images = store.table(HELD_OUT_IMAGES if _holds_out(store) else IMAGES)
    files[tables.IMAGES] = _write_parquet(images, folder / tables.IMAGES)
    files |= _write_statements(store, folder / tables.STATEMENTS)
    names = images["image"].to_pylist()
    _link_images(names, image_folder, folder, reporter)
    _remove_temporaries([*files, export.MANIFEST], folder)
    _remove_unlisted(set(names), folder)
    manifest = _manifest(store, scope, published, files, counts)
    write_json(folder / export.MANIFEST, manifest | {"audit": audit(folder)})
    return store.value("SELECT count(*) + count(wrong1) FROM drawn_question"), sum(counts.values())


def _write_statements(store: Store, path: Path) -> dict[str, str]:
    """Write the statements of own knowledge, if there are any. Return the name of the file with its SHA-256."""
    statements = store.table(STATEMENTS)
    if statements.num_rows:
        return {path.name: _write_parquet(statements, path)}
    path.unlink(missing_ok=True)
    return {}


def _write_parquet(table: pa.Table, path: Path) -> str:
    """Write a table and return the file's SHA-256."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return sha256_file(path)


def restore_images(image_folder: Path, folder: Path, reporter: Reporter) -> None:
    """Link the images of a finished export again that are missing or damaged."""
    if (folder / export.MANIFEST).is_file() and (folder / tables.IMAGES).is_file():
        names = pq.read_table(folder / tables.IMAGES, columns=["image"])["image"].to_pylist()
        _link_images(names, image_folder, folder, reporter)


def _link_images(names: list[str], images: Path, folder: Path, reporter: Reporter) -> None:
    """Hard-link the images into the export, or copy them if the file system has no links."""
    with reporter.bar("export: images", len(names), "files") as bar:
        for name in names:
            source, target = images / name.removeprefix("images/"), folder / name
            if not is_intact(target, source.stat().st_size):
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(source, target)
            bar.advance()


def _link(source: Path, target: Path) -> None:
    """Replace a file by a link to another one, or by a copy."""
    with atomic_path(target) as temporary:
        temporary.unlink()
        if not link_or_copy(source, temporary):
            seal(temporary)


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


def _holds_out(store: Store) -> bool:
    return store.value("SELECT count(*) FROM held_out_entity") > 0


def _held_out(store: Store) -> dict[str, Any]:
    """Return what the manifest has about held-out entities, if there are any."""
    if not _holds_out(store):
        return {}
    entities, answers = store.rows(HELD_OUT)[0]
    return {"held_out": {"entities": entities, "answers_in_train": answers}}


def _manifest(
    store: Store, scope: Scope, published: dict[str, Any], files: dict[str, str], counts: dict[str, int]
) -> dict[str, Any]:
    """Return the manifest. It has no times and no paths, so that equal builds write equal bytes."""
    by_language = store.rows("SELECT language, question_type, count(*) FROM question_key GROUP BY ALL ORDER BY ALL")
    return {
        "format": export.FORMAT,
        "version": __version__,
        **published,
        "held_out_languages": list(scope.held_out_languages),
        **_held_out(store),
        "questions": counts,
        "questions_by_language": {f"{language} {question_type}": n for language, question_type, n in by_language},
        "entities": store.value("SELECT count(DISTINCT entity) FROM question_key"),
        "images": store.value("SELECT count(DISTINCT image) FROM question_key"),
        "files": files,
    }
