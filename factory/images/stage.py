"""The stage `images`: images of the selected entities, stored by content, with author and license.

Files from an entity's photo properties come first. If they are too few, files of the entity's Commons category follow.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from factory.images.base import ImageSource
from factory.images.batch import Batch, BatchRows
from factory.images.blocklist import Blocklist
from factory.images.candidates import NO_IMAGE
from factory.images.config import ImagesConfig
from factory.reference.properties import IMAGE_PROPERTIES
from factory.store.store import Rejection, Store
from pangea_cultural.utils.console import Reporter

BATCH_ENTITIES = 200
"""Entities of a batch: four parallel calls to Commons. Connections idle at the start and the end of a batch."""

CANDIDATES_SQL = """
CREATE TEMP TABLE IF NOT EXISTS image_redo (entity VARCHAR);
CREATE OR REPLACE TEMP TABLE image_candidate AS
SELECT entity, property, value,
       row_number() OVER (ORDER BY entity, list_position($properties, property), ordinal) AS position,
       (dense_rank() OVER (ORDER BY entity) - 1) // $batch_entities AS batch
FROM claim SEMI JOIN (FROM entity WHERE selected AND (NOT $redo OR entity IN (FROM image_redo))) USING (entity)
WHERE best AND list_contains($properties, property)
ORDER BY position
"""
"""Files and categories in the claims of all entities, or those of `image_redo`. The rows of a batch are adjacent."""


def run(
    store: Store,
    config: ImagesConfig,
    sources: Sequence[ImageSource],
    folder: Path,
    blocklist: Blocklist,
    reporter: Reporter,
) -> tuple[int, int]:
    """Fetch the images of all selected entities. Return the numbers of entities and of entities with an image."""
    read_candidates(store)
    inputs = store.value("SELECT count(*) FROM entity WHERE selected")
    num_without = inputs - store.value("SELECT count(DISTINCT entity) FROM image_candidate")
    _reject_rows(store, sources)
    with reporter.bar("images", inputs, "entities") as bar:
        start = _reject_without_candidates(store, num_without)
        bar.advance(start)
        numbers = range(_num_batches(start - num_without), _num_batches(inputs - num_without))
        batches = [Batch(store, config, sources, number, folder, blocklist) for number in numbers]
        for batch, following in itertools.zip_longest(batches, batches[1:]):
            rows = batch.rows(on_progress=following.prepare if following else lambda: None)
            with store.transaction():
                append_rows(store, rows)
                store.execute("UPDATE stage SET position = position + ? WHERE name = 'images'", [batch.num_entities])
            bar.advance(batch.num_entities)
            batch.release()
    return inputs, store.value("SELECT count(DISTINCT entity) FROM entity_image")


def read_candidates(store: Store, *, redo: bool = False) -> None:
    """Fill the table `image_candidate`, for all entities or for those of the table `image_redo`."""
    parameters = {"properties": list(IMAGE_PROPERTIES), "batch_entities": BATCH_ENTITIES, "redo": redo}
    store.script(CANDIDATES_SQL, parameters)


def append_rows(store: Store, rows: BatchRows) -> None:
    """Add the rows of a batch to the store. The caller holds the transaction."""
    for table, table_rows in (("image", rows.images), ("entity_image", rows.entity_images)):
        if table_rows:
            store.append(table, pa.Table.from_pylist(table_rows))
    store.reject_all("images", rows.rejections)


def _num_batches(num_entities: int) -> int:
    return -(-num_entities // BATCH_ENTITIES)


def _reject_rows(store: Store, sources: Sequence[ImageSource]) -> None:
    """Reject the wrong rows of the sources' lists, once."""
    problems = [problem for source in sources for problem in source.row_problems()]
    if not problems:
        return
    with store.transaction():
        store.execute(
            "DELETE FROM rejection WHERE stage = 'images' AND item IN (SELECT unnest(?::VARCHAR[]))",
            [[row for row, _ in problems]],
        )
        store.reject_all("images", (Rejection(row, error.reason, error.detail, unit="row") for row, error in problems))


def _reject_without_candidates(store: Store, number: int) -> int:
    """Reject the entities whose claims name no image in one step. Return the number of entities that are done."""
    position = store.value("SELECT position FROM stage WHERE name = 'images'")
    if position or not number:
        return position
    with store.transaction():
        store.reject_selected(
            "images",
            NO_IMAGE,
            "SELECT entity AS item FROM entity WHERE selected AND entity NOT IN (SELECT entity FROM image_candidate)",
        )
        store.execute("UPDATE stage SET position = ? WHERE name = 'images'", [number])
    return number
