"""Images of a batch of entities: lookups, downloads and the rows for the store.

A batch takes several rounds, because the next candidate replaces a rejected image. In each round, every entity tries as
many candidates as it lacks images.
"""

import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from factory.images.base import ImageInfo, ImageSource
from factory.images.blocklist import Blocklist
from factory.images.candidates import Candidate, EntityImageCandidates
from factory.images.config import ImagesConfig
from factory.images.download import DownloadResult, fetch_all
from factory.images.image_store import StoredImage
from factory.images.license_rule import judged
from factory.reference.properties import CATEGORY_PROPERTIES
from factory.store.store import Rejection, Store

MIN_CATEGORY_FILES = 50
"""Files to read from a category: one call, and usually enough to find a few photos among maps and plans."""

SOURCE_COLUMNS = {
    "author": "attribution.author",
    "author_url": "attribution.author_url",
    "attribution": "attribution.requested",
    "credit": "attribution.credit",
    "license": "attribution.license",
    "license_code": "attribution.license_code",
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

Row = dict[str, Any]


class BatchRows(NamedTuple):
    """Rows of a batch of entities for the store."""

    images: list[Row]
    """Rows of the table `image`."""
    entity_images: list[Row]
    """Rows of the table `entity_image`."""
    rejections: list[Rejection]


class Batch:
    """Images of a batch of entities.

    Args:
        store: store with the table `image_candidate`.
        config: maximum number of images of an entity, and accepted licenses.
        sources: image sources, in the order of the recipe.
        number: index of the batch in that table.
        folder: folder for the images.
        blocklist: images that are withdrawn.
        lost: images whose files are damaged, so that they are fetched again.
    """

    def __init__(
        self,
        store: Store,
        config: ImagesConfig,
        sources: Sequence[ImageSource],
        number: int,
        folder: Path,
        blocklist: Blocklist,
        lost: Collection[str] = (),
    ) -> None:
        self.num_entities = 0
        """Number of entities, known after `prepare`."""
        self._number = number
        self._store = store
        self._sources = sources
        self._folder = folder
        self._blocklist = blocklist
        self._lost = lost
        self._config = config
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
        entities = {name: EntityImageCandidates(name, self._config.max_per_entity) for name, _, _ in claims}
        files = self._look_up(value for _, via, value in claims if via not in CATEGORY_PROPERTIES)
        for name, via, value in claims:
            if via not in CATEGORY_PROPERTIES:
                self._add(entities[name], files.get(value) or Candidate(title=value), via)
            elif value not in entities[name].categories:
                entities[name].categories.append(value)
        return list(entities.values())

    def _look_up(self, titles: Iterable[str]) -> dict[str, Candidate]:
        """Return files by requested title, each from the first source that has it."""
        files: dict[str, Candidate] = {}
        missing = list(dict.fromkeys(titles))
        for index, source in enumerate(self._sources):
            infos = source.metadata(missing) if missing else {}
            files |= {
                title: Candidate(title=title, source=index, info=self._judged(info)) for title, info in infos.items()
            }
            missing = [title for title in missing if title not in infos]
        return files

    def _add_category_files(self, entities: list[EntityImageCandidates]) -> None:
        """Add the files of the entities' categories, from all sources, as candidates."""
        names = list(dict.fromkeys(name for entity in entities for name in entity.categories))
        if not names:
            return
        limit = max(MIN_CATEGORY_FILES, self._config.max_per_entity)
        files_by_source = [source.in_categories(names, limit) for source in self._sources]
        for entity in entities:
            for name in entity.pop_categories():
                for index, files in enumerate(files_by_source):
                    for info in files.get(name, ()):
                        self._add(
                            entity, Candidate(title=info.title, source=index, info=self._judged(info)), "category"
                        )

    def _add(self, entity: EntityImageCandidates, candidate: Candidate, via: str) -> None:
        """Add a candidate to an entity, refused if it is withdrawn."""
        problem = self._blocklist.problem(entity.entity, candidate.title, candidate.info)
        if problem and candidate.info:
            candidate = replace(candidate, info=replace(candidate.info, refused=problem))
        entity.add(candidate, via)

    def _judged(self, info: ImageInfo) -> ImageInfo:
        return judged(info, any_license=self._config.any_license)

    def _fetch(self, candidates: list[Candidate], on_progress: Callable[[], None]) -> None:
        """Fetch the files that no earlier round, batch or run fetched."""
        new = {c.key: c for c in candidates if c.key not in self._results}
        stored = self._store.rows(
            "SELECT file, image, path, width, height, size_bytes FROM image "
            "WHERE file IN (SELECT unnest(?::VARCHAR[]))",
            [list(new)],
        )
        for file, image, path, width, height, size in stored:
            if image not in self._lost:
                content = StoredImage(image=image, path=path, width=width, height=height, size_bytes=size)
                self._results[file] = DownloadResult(info=new[file].known_info, outcome=content)
        for index, source in enumerate(self._sources):
            infos = [c.known_info for key, c in new.items() if c.source == index and key not in self._results]
            for result in fetch_all(source, infos, self._folder):
                self._results[result.info.title] = self._unless_withdrawn(result)
                on_progress()

    def _unless_withdrawn(self, result: DownloadResult) -> DownloadResult:
        """Refuse a file whose content is withdrawn under another title, and remove it again."""
        problem = None
        if isinstance(result.outcome, StoredImage):
            problem = self._blocklist.problem_of_content(result.outcome.image)
        if problem is None:
            return result
        (self._folder / result.stored.path).unlink(missing_ok=True)
        return replace(result, outcome=problem)

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
                {
                    "entity": entity.entity,
                    "image": image,
                    "ordinal": ordinal,
                    "via": candidate.via,
                    "title": candidate.title,
                }
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
        "categories": list(info.categories),
        "width": stored.width,
        "height": stored.height,
        "size_bytes": stored.size_bytes,
    }
