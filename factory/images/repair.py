"""Repair of the stage `images`: damaged files are made again, and files that failed in passing are tried again.

Withdrawn files are replaced. All concern single entities, which are done again as a whole: the next candidate replaces
a file that is gone.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from factory.images import stage
from factory.images.base import ImageSource
from factory.images.batch import Batch, BatchRows
from factory.images.blocklist import Blocklist
from factory.images.config import ImagesConfig
from factory.net import errors, responses
from factory.store.store import Store
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.sealed import is_intact

NOT_REPLACED = "withdrawn, not replaced yet"
"""Reason of a file that was withdrawn after the stage. Another candidate may take its place."""
PASSING_REASONS = (
    NOT_REPLACED,
    *(errors.BODY_TRUNCATED, errors.CONNECTION_BROKEN, errors.CONTENT_TYPE, errors.HOST_UNREACHABLE, errors.TIMEOUT),
    *(errors.TOO_SLOW, responses.HTML_PAGE.format("an image"), errors.WRONG_SHA1),
    *(errors.HTTP_STATUS.format(status) for status in sorted(responses.RETRIED)),
)
"""Reasons of rejections that may not hold on the next run. All others are permanent."""
FILES_PER_QUERY = 100_000

FAILED = """
SELECT DISTINCT split_part(item, ' ', 1) FROM rejection
WHERE stage = 'images' AND unit = 'file' AND list_contains($reasons, reason)
"""
OF_LOST = "SELECT DISTINCT entity FROM entity_image WHERE image IN (SELECT unnest($lost::VARCHAR[]))"

OpenSources = Callable[[], AbstractContextManager[Sequence[ImageSource]]]


def run(
    store: Store,
    config: ImagesConfig,
    open_sources: OpenSources,
    folder: Path,
    blocklist: Blocklist,
    reporter: Reporter,
    on_change: Callable[[], None],
) -> None:
    """Repair the finished part of the stage. The sources are opened only if there is something to repair.

    Args:
        store: has the images of the finished entities.
        config: configuration of the stage.
        open_sources: opens the image sources.
        folder: folder of the images.
        blocklist: images that are withdrawn.
        reporter: prints what is repaired.
        on_change: called in the transaction of a batch whose images change: later stages depend on them.
    """
    lost = lost_images(store, folder)
    damaged = [entity for (entity,) in store.rows(OF_LOST, {"lost": list(lost)})] if lost else []
    if damaged:
        reporter.note(f"images: {len(lost):,} files are missing or damaged, so they are made again")
        with open_sources() as sources:
            _redo(store, config, sources, folder, blocklist, damaged, lost, on_change)
    failed = [entity for (entity,) in store.rows(FAILED, {"reasons": list(PASSING_REASONS)})]
    if failed:
        reporter.note(f"images: {len(failed):,} entities with files that failed or were withdrawn are tried again")
        try:
            with open_sources() as sources:
                _redo(store, config, sources, folder, blocklist, failed, (), on_change)
        except UserError as error:
            # The build has all that it needs, so a service that is still down does not end it.
            reporter.note(f"images: not tried again: {error}")


def lost_images(store: Store, folder: Path) -> set[str]:
    """Return the images whose files are missing or damaged. An untouched file costs one `stat`."""
    lost: set[str] = set()
    last = ""
    while rows := store.rows(
        f"SELECT image, path, size_bytes FROM image WHERE image > ? ORDER BY image LIMIT {FILES_PER_QUERY}", [last]
    ):
        lost.update(image for image, path, size in rows if not is_intact(f"{folder}/{path}", size))
        last = rows[-1][0]
    return lost


def _redo(
    store: Store,
    config: ImagesConfig,
    sources: Sequence[ImageSource],
    folder: Path,
    blocklist: Blocklist,
    entities: list[str],
    lost: Collection[str],
    on_change: Callable[[], None],
) -> None:
    """Find and fetch the images of some entities again. Intact images are not fetched."""
    store.execute("CREATE OR REPLACE TEMP TABLE image_redo AS SELECT unnest(?::VARCHAR[]) AS entity", [entities])
    stage.read_candidates(store, redo=True)
    for (number,) in store.rows("SELECT DISTINCT batch FROM image_candidate ORDER BY batch"):
        batch = Batch(store, config, sources, number, folder, blocklist, lost)
        names = [
            name for (name,) in store.rows("SELECT DISTINCT entity FROM image_candidate WHERE batch = ?", [number])
        ]
        rows = batch.rows(on_progress=lambda: None)
        with store.transaction():
            if _replace(store, names, rows):
                on_change()


def _replace(store: Store, entities: list[str], rows: BatchRows) -> bool:
    """Replace the rows of some entities and return whether their images changed."""
    parameters = {"entities": entities}
    among = "IN (SELECT unnest($entities::VARCHAR[]))"
    before = store.rows(f"SELECT entity, image, ordinal, via FROM entity_image WHERE entity {among}", parameters)
    after = [(row["entity"], row["image"], row["ordinal"], row["via"]) for row in rows.entity_images]
    store.execute(f"DELETE FROM entity_image WHERE entity {among}", parameters)
    store.execute(
        f"DELETE FROM rejection WHERE stage = 'images' AND unit <> 'row' AND split_part(item, ' ', 1) {among}",
        parameters,
    )
    stage.append_rows(store, rows)
    store.execute("DELETE FROM image WHERE image NOT IN (SELECT image FROM entity_image)")
    store.execute(
        "UPDATE stage SET kept = (SELECT count(DISTINCT entity) FROM entity_image) WHERE name = 'images' AND done"
    )
    return sorted(before) != sorted(after)
