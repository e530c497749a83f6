"""The stage `images`: images of the selected entities, stored by content, with author and license.

Files from an entity's photo properties come first. If they are too few, files of the entity's Commons category follow.
A batch of entities takes several rounds, because the next candidate replaces a rejected image. In each round,
every entity tries as many candidates as it lacks images.
"""

import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from factory.images import licenses
from factory.images.base import ImageSource
from factory.images.candidates import NO_IMAGE, Candidate, EntityImageCandidates
from factory.images.config import ImagesConfig
from factory.images.download import DownloadResult, fetch_all
from factory.images.image_store import StoredImage
from factory.reference.properties import CATEGORY_PROPERTIES, IMAGE_PROPERTIES
from factory.store.store import Rejection, Store
from pangea_cultural.utils.console import Reporter

BATCH_ENTITIES = 200
"""Entities of a batch: four parallel calls to Commons. Connections idle at the start and the end of a batch."""
MIN_CATEGORY_FILES = 50
"""Files to read from a category: one call, and usually enough to find a few photos among maps and plans."""

SOURCE_COLUMNS = {
    "author": "attribution.author",
    "author_url": "attribution.author_url",
    "attribution": "attribution.requested",
    "credit": "attribution.credit",
    "license": "attribution.license",
    "license_url": "attribution.license_url",
    "restrictions": "attribution.restrictions",
    "source": "attribution.source",
    "page": "attribution.page",
    "url": "original.url",
    "sha1": "original.sha1",
    "mime": "original.mime",
    "mediatype": "original.mediatype",
    "original_width": "original.width",
    "original_height": "original.height",
    "date": "date",
    "changes": "changes",
}
"""Columns of the table `image` that are copied from the source's `ImageInfo`, with the attribute of each."""

CANDIDATES_SQL = """
CREATE OR REPLACE TEMP TABLE image_candidate AS
SELECT entity, property, value,
       row_number() OVER (ORDER BY entity, list_position($properties, property), ordinal) AS position,
       (dense_rank() OVER (ORDER BY entity) - 1) // $batch_entities AS batch
FROM claim SEMI JOIN (FROM entity WHERE selected) USING (entity)
WHERE best AND list_contains($properties, property)
ORDER BY position
"""
"""Files and categories in the claims of all entities, sorted so that the rows of a batch are adjacent."""

Row = dict[str, Any]


class BatchRows(NamedTuple):
    """Rows of a batch of entities for the store."""

    images: list[Row]
    """Rows of the table `image`."""
    entity_images: list[Row]
    """Rows of the table `entity_image`."""
    rejections: list[Rejection]


def run(
    store: Store, config: ImagesConfig, sources: Sequence[ImageSource], folder: Path, reporter: Reporter
) -> tuple[int, int]:
    """Fetch the images of all selected entities. Return the numbers of entities and of entities with an image."""
    store.execute(CANDIDATES_SQL, {"properties": list(IMAGE_PROPERTIES), "batch_entities": BATCH_ENTITIES})
    inputs = store.value("SELECT count(*) FROM entity WHERE selected")
    num_without = inputs - store.value("SELECT count(DISTINCT entity) FROM image_candidate")
    with reporter.bar("images", inputs, "entities") as bar:
        start = _reject_without_candidates(store, num_without)
        bar.advance(start)
        numbers = range(_num_batches(start - num_without), _num_batches(inputs - num_without))
        batches = [_Batch(store, sources, number, config.max_per_entity, folder) for number in numbers]
        for batch, following in itertools.zip_longest(batches, batches[1:]):
            rows = batch.rows(on_progress=following.prepare if following else lambda: None)
            with store.transaction():
                for table, table_rows in (("image", rows.images), ("entity_image", rows.entity_images)):
                    if table_rows:
                        store.append(table, pa.Table.from_pylist(table_rows))
                store.reject_all("images", rows.rejections)
                store.execute("UPDATE stage SET position = position + ? WHERE name = 'images'", [batch.num_entities])
            bar.advance(batch.num_entities)
            batch.release()
    return inputs, store.value("SELECT count(DISTINCT entity) FROM entity_image")


def _num_batches(num_entities: int) -> int:
    return -(-num_entities // BATCH_ENTITIES)


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


class _Batch:
    """Images of a batch of entities.

    Args:
        store: store with the table `image_candidate`.
        sources: image sources, in the order of the recipe.
        number: index of the batch in that table.
        max_per_entity: maximum number of images of an entity.
        folder: folder for the images.
    """

    def __init__(
        self, store: Store, sources: Sequence[ImageSource], number: int, max_per_entity: int, folder: Path
    ) -> None:
        self.num_entities = 0
        """Number of entities, known after `prepare`."""
        self._number = number
        self._store = store
        self._sources = sources
        self._folder = folder
        self._max_per_entity = max_per_entity
        self._entities: list[EntityImageCandidates] = []
        self._results: dict[str, DownloadResult] = {}

    def prepare(self) -> None:
        """Look up the files that the entities' claims name, once."""
        if not self._entities:
            self._entities = self._read_candidates()
            self.num_entities = len(self._entities)

    def release(self) -> None:
        """Free the memory. A build of millions of entities creates all batches in advance."""
        self._entities, self._results = [], {}

    def rows(self, on_progress: Callable[[], None]) -> BatchRows:
        """Fetch the images and return the rows.

        Args:
            on_progress: called after each download. Its own requests overlap with the remaining downloads.
        """
        self.prepare()
        while True:
            self._add_category_files([entity for entity in self._entities if entity.needs_category()])
            batches = [(entity, entity.next_batch()) for entity in self._entities]
            candidates = [candidate for _, batch in batches for candidate in batch]
            if not candidates:
                break
            self._fetch(candidates, on_progress)
            for entity, batch in batches:
                entity.record_results(batch, self._results)
        return self._collect()

    def _read_candidates(self) -> list[EntityImageCandidates]:
        """Return the candidates from the entities' claims, in the order of the claims."""
        claims = self._store.rows(
            "SELECT entity, property, value FROM image_candidate WHERE batch = ? ORDER BY position", [self._number]
        )
        entities = {name: EntityImageCandidates(name, self._max_per_entity) for name, _, _ in claims}
        files = self._look_up(value for _, via, value in claims if via not in CATEGORY_PROPERTIES)
        for name, via, value in claims:
            if via not in CATEGORY_PROPERTIES:
                entities[name].add(files.get(value) or Candidate(title=value), via)
            elif value not in entities[name].categories:
                entities[name].categories.append(value)
        return list(entities.values())

    def _look_up(self, titles: Iterable[str]) -> dict[str, Candidate]:
        """Return files by requested title, each from the first source that has it."""
        files: dict[str, Candidate] = {}
        missing = list(dict.fromkeys(titles))
        for index, source in enumerate(self._sources):
            infos = source.metadata(missing) if missing else {}
            files |= {title: Candidate(title=title, source=index, info=info) for title, info in infos.items()}
            missing = [title for title in missing if title not in infos]
        return files

    def _add_category_files(self, entities: list[EntityImageCandidates]) -> None:
        """Add the files of the entities' categories, from all sources, as candidates."""
        names = list(dict.fromkeys(name for entity in entities for name in entity.categories))
        if not names:
            return
        limit = max(MIN_CATEGORY_FILES, self._max_per_entity)
        files_by_source = [source.in_categories(names, limit) for source in self._sources]
        for entity in entities:
            for name in entity.pop_categories():
                for index, files in enumerate(files_by_source):
                    for info in files.get(name, ()):
                        entity.add(Candidate(title=info.title, source=index, info=info), "category")

    def _fetch(self, candidates: list[Candidate], on_progress: Callable[[], None]) -> None:
        """Fetch the files that no earlier round, batch or run fetched."""
        new = {c.key: c for c in candidates if c.key not in self._results}
        stored = self._store.rows(
            "SELECT file, image, path, width, height FROM image WHERE file IN (SELECT unnest(?::VARCHAR[]))",
            [list(new)],
        )
        for file, image, path, width, height in stored:
            content = StoredImage(image=image, path=path, width=width, height=height)
            self._results[file] = DownloadResult(info=new[file].known_info, outcome=content)
        for index, source in enumerate(self._sources):
            infos = [c.known_info for key, c in new.items() if c.source == index and key not in self._results]
            for result in fetch_all(source, infos, self._folder):
                self._results[result.info.title] = result
                on_progress()

    def _collect(self) -> BatchRows:
        """Return the rows in the order of entities and candidates, which does not depend on the network."""
        rows = BatchRows([], [], [])
        accepted = [
            (entity, ordinal, candidate, self._results[candidate.key])
            for entity in self._entities
            for ordinal, candidate in enumerate(entity.accepted)
        ]
        seen = self._in_store([result.stored.image for *_, result in accepted])
        for entity, ordinal, candidate, result in accepted:
            image = result.stored.image
            if image not in seen:
                seen.add(image)
                rows.images.append(_image_row(result))
            rows.entity_images.append(
                {"entity": entity.entity, "image": image, "ordinal": ordinal, "via": candidate.via}
            )
        for entity in self._entities:
            rows.rejections.extend(entity.rejections())
        return rows

    def _in_store(self, images: list[str]) -> set[str]:
        rows = self._store.rows("SELECT image FROM image WHERE image IN (SELECT unnest(?::VARCHAR[]))", [images])
        return {image for (image,) in rows}


def _image_row(result: DownloadResult) -> Row:
    info, stored = result.info, result.stored
    columns = {column: operator.attrgetter(attribute)(info) for column, attribute in SOURCE_COLUMNS.items()}
    return columns | {
        "image": stored.image,
        "path": stored.path,
        "file": info.title,
        "license_code": info.attribution.license_code or licenses.code_of(info.attribution.license),
        "categories": list(info.categories),
        "width": stored.width,
        "height": stored.height,
    }
