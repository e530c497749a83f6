"""The stage `images`: images for the selected entities, stored by content, each with its author and license.

Files that an entity's photo properties name come first. Where they are fewer than the recipe wants, the entity's
Commons category fills up. An image that is rejected makes room for the next candidate, so a batch of entities takes
several rounds: in each, every entity that still wants images takes as many candidates as it wants images.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from factory.images import licenses
from factory.images.base import ImageSource
from factory.images.candidates import NO_IMAGE, Candidate, Wish
from factory.images.config import ImagesConfig
from factory.images.download import Download, fetch_all
from factory.images.image_store import StoredImage
from factory.reference.properties import CATEGORY_PROPERTIES, IMAGE_PROPERTIES
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter

BATCH_ENTITIES = 200
"""Four calls to Commons, side by side, and then work for all connections: a batch begins and ends with waiting."""
MIN_CATEGORY_FILES = 50
"""Looked at in a category: one call, and mostly enough to find a few photos among maps and plans."""

TOLD = (
    "author",
    "author_url",
    "attribution",
    "credit",
    "license",
    "license_url",
    "restrictions",
    "source",
    "page",
    "url",
    "sha1",
    "mime",
    "mediatype",
    "date",
    "changes",
)
"""What the store keeps of an image as its source tells it."""

WISHED = """
CREATE OR REPLACE TEMP TABLE wished AS
SELECT entity, property, value,
       row_number() OVER (ORDER BY entity, list_position($properties, property), ordinal) AS place,
       (dense_rank() OVER (ORDER BY entity) - 1) // $batch_entities AS batch
FROM claim SEMI JOIN (FROM entity WHERE selected) USING (entity)
WHERE best AND list_contains($properties, property)
ORDER BY place
"""
"""What the claims of all entities name, sorted once, so that a batch is a few rows in one place."""

Rows = dict[str, list[dict]]


def run(
    store: Store, config: ImagesConfig, sources: Sequence[ImageSource], folder: Path, reporter: Reporter
) -> tuple[int, int]:
    """Fetch the images of all selected entities. Returns how many entities went in and how many got an image."""
    store.execute(WISHED, {"properties": list(IMAGE_PROPERTIES), "batch_entities": BATCH_ENTITIES})
    inputs = store.value("SELECT count(*) FROM entity WHERE selected")
    without = inputs - store.value("SELECT count(DISTINCT entity) FROM wished")
    with reporter.bar("images", inputs, "entities") as bar:
        start = _reject_without_wishes(store, without)
        bar.advance(start)
        numbers = range(_num_batches(start - without), _num_batches(inputs - without))
        batches = [_Batch(store, sources, number, config.max_per_entity, folder) for number in numbers]
        for batch, following in itertools.zip_longest(batches, batches[1:]):
            rows = batch.rows(meanwhile=following.prepare if following else lambda: None)
            with store.transaction():
                for name, table_rows in rows.items():
                    if table_rows:
                        store.append(name, pa.Table.from_pylist(table_rows))
                store.execute("UPDATE stage SET position = position + ? WHERE name = 'images'", [batch.num_entities])
            bar.advance(batch.num_entities)
            batch.forget()
    return inputs, store.value("SELECT count(DISTINCT entity) FROM entity_image")


def _num_batches(entities: int) -> int:
    return -(-entities // BATCH_ENTITIES)


def _reject_without_wishes(store: Store, number: int) -> int:
    """Reject the entities whose claims name no image, all at once; gives how many entities are done, of all."""
    position = store.value("SELECT position FROM stage WHERE name = 'images'")
    if position or not number:
        return position
    with store.transaction():
        store.execute(
            """INSERT INTO rejection (stage, item, reason) SELECT 'images', entity, ? FROM entity
               WHERE selected AND entity NOT IN (SELECT entity FROM wished)""",
            [NO_IMAGE],
        )
        store.execute("UPDATE stage SET position = ? WHERE name = 'images'", [number])
    return number


class _Batch:
    """Fetches the images of some entities.

    Args:
        store: has the table `wished`.
        sources: where images come from.
        number: of the batch in that table, from 0.
        max_per_entity: most images of an entity.
        folder: for the images.
    """

    def __init__(
        self, store: Store, sources: Sequence[ImageSource], number: int, max_per_entity: int, folder: Path
    ) -> None:
        self.num_entities = 0
        """Known when the batch is prepared."""
        self._number = number
        self._store = store
        self._sources = sources
        self._folder = folder
        self._max_per_entity = max_per_entity
        self._wishes: list[Wish] = []
        self._done: dict[str, Download] = {}

    def prepare(self) -> None:
        """Look up what the entities' claims name, once."""
        if not self._wishes:
            self._wishes = self._look_up_wishes()
            self.num_entities = len(self._wishes)

    def forget(self) -> None:
        """Free the memory: a build of millions makes its batches in advance."""
        self._wishes, self._done = [], {}

    def rows(self, meanwhile: Callable[[], None]) -> Rows:
        """Rows for image, entity_image and rejection.

        Args:
            meanwhile: called as soon as downloads are under way; what it asks for comes while they go on.
        """
        self.prepare()
        wishes = self._wishes
        while True:
            self._open_categories([wish for wish in wishes if wish.needs_category()])
            rounds = [(wish, wish.take()) for wish in wishes]
            picked = [candidate for _, taken in rounds for candidate in taken]
            if not picked:
                break
            self._fetch(picked, meanwhile)
            for wish, taken in rounds:
                wish.settle(taken, self._done)
        return self._collect(wishes)

    def _look_up_wishes(self) -> list[Wish]:
        """What each entity's claims name, in the order in which it should be tried."""
        claims = self._store.rows(
            "SELECT entity, property, value FROM wished WHERE batch = ? ORDER BY place", [self._number]
        )
        of = {name: Wish(name, self._max_per_entity) for name, _, _ in claims}
        titles = [value for _, via, value in claims if via not in CATEGORY_PROPERTIES]
        known = self._look_up(titles)
        for name, via, value in claims:
            if via not in CATEGORY_PROPERTIES:
                of[name].add(known.get(value) or Candidate(title=value), via)
            elif value not in of[name].categories:
                of[name].categories.append(value)
        return list(of.values())

    def _look_up(self, titles: Iterable[str]) -> dict[str, Candidate]:
        """Files by the titles asked for; the first source that has one gives it."""
        found: dict[str, Candidate] = {}
        open_titles = list(dict.fromkeys(titles))
        for index, source in enumerate(self._sources):
            infos = source.metadata(open_titles) if open_titles else {}
            found |= {title: Candidate(title=title, source=index, info=info) for title, info in infos.items()}
            open_titles = [title for title in open_titles if title not in infos]
        return found

    def _open_categories(self, wishes: list[Wish]) -> None:
        """Give entities the files of their categories, of all sources, as further candidates."""
        names = list(dict.fromkeys(name for wish in wishes for name in wish.categories))
        if not names:
            return
        limit = max(MIN_CATEGORY_FILES, self._max_per_entity)
        found = [source.in_categories(names, limit) for source in self._sources]
        for wish in wishes:
            for name in wish.open_categories():
                for index, files in enumerate(found):
                    for info in files.get(name, ()):
                        wish.add(Candidate(title=info.title, source=index, info=info), "category")

    def _fetch(self, picked: list[Candidate], meanwhile: Callable[[], None]) -> None:
        """Fetch what no earlier round, batch or run has fetched."""
        new = {c.key: c for c in picked if c.key not in self._done}
        stored = self._store.rows(
            "SELECT file, image, path, width, height FROM image WHERE file IN (SELECT unnest(?::VARCHAR[]))",
            [list(new)],
        )
        for file, image, path, width, height in stored:
            content = StoredImage(image=image, path=path, width=width, height=height)
            self._done[file] = Download(info=new[file].known, outcome=content)
        for index, source in enumerate(self._sources):
            infos = [c.known for key, c in new.items() if c.source == index and key not in self._done]
            for download in fetch_all(source, infos, self._folder):
                self._done[download.info.title] = download
                meanwhile()

    def _collect(self, wishes: list[Wish]) -> Rows:
        """Rows in the order of entities and candidates: it does not tell which image came first over the wire."""
        rows: Rows = {"image": [], "entity_image": [], "rejection": []}
        kept = [(wish, ordinal, c, self._done[c.key]) for wish in wishes for ordinal, c in enumerate(wish.kept)]
        seen = self._known([download.stored.image for *_, download in kept])
        for wish, ordinal, candidate, download in kept:
            image = download.stored.image
            if image not in seen:
                seen.add(image)
                rows["image"].append(_image_row(download))
            rows["entity_image"].append(
                {"entity": wish.entity, "image": image, "ordinal": ordinal, "via": candidate.via}
            )
        for wish in wishes:
            rows["rejection"] += [{"stage": "images"} | row for row in wish.rejections()]
        return rows

    def _known(self, images: list[str]) -> set[str]:
        found = self._store.rows("SELECT image FROM image WHERE image IN (SELECT unnest(?::VARCHAR[]))", [images])
        return {row[0] for row in found}


def _image_row(download: Download) -> dict:
    info, stored = download.info, download.stored
    told = {name: getattr(info, name) for name in TOLD}
    return told | {
        "image": stored.image,
        "path": stored.path,
        "file": info.title,
        "license_code": info.license_code or licenses.code_of(info.license),
        "categories": list(info.categories),
        "original_width": info.width,
        "original_height": info.height,
        "width": stored.width,
        "height": stored.height,
    }
