"""Estimate of a build's cost: queries, documents, images, gigabytes and hours.

Counts of a dump are extrapolated from its first megabytes. A SPARQL endpoint is asked for counts.
"""

import bz2
import gzip
import io
import lzma
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from backports import zstd

from factory.entities.base import DocumentLine, IncompleteAnswerError, LookupSource, OwnEntity, StreamSource
from factory.entities.entity_rows import EntityRowsBuilder
from factory.entities.selector import Selector
from factory.entities.sources import api, dump
from factory.entities.sources.decompress import (
    BROKEN,
    BUFFER_BYTES,
    BZIP2,
    GZIP,
    LONGEST_WINDOW,
    PLAIN,
    XZ,
    ZSTANDARD,
    check_json,
    compression,
)
from factory.entities.sources.open import DumpSource, SparqlApiSource, open_sources
from factory.entities.sources.sparql.source import SparqlSource
from factory.images.config import CommonsConfig
from factory.images.sources.commons.api import MAX_TITLES
from factory.net.limits import DEFAULTS
from factory.recipe import Recipe
from factory.reference.properties import CATEGORY_PROPERTIES, IMAGE_PROPERTIES
from pangea_cultural.errors import UserError
from pangea_cultural.reference import own_tables
from pangea_cultural.utils.console import Reporter

SAMPLE_BYTES = 24 << 20
"""Bytes to read from the beginning of a compressed dump: about ten thousand documents."""
THUMBNAIL_BYTES = 200_000
"""Size of a photo 960 pixels wide. Those of Commons have 150 to 300 kB."""
QUERIES_PER_BATCH = 5
"""Queries for the documents of a batch: heads, labels, statements, value nodes, references."""
ANSWER_S = 1.0
"""Seconds that an endpoint takes to answer a query."""
API_LIMITS, FILE_LIMITS = DEFAULTS["wikimedia-api"], DEFAULTS["wikimedia-files"]
SAMPLE_PLAIN_BYTES = 1 << 30
"""Bytes of text to read at most. Those of a usual dump have 300 MB."""
BATCH_DOCUMENTS = 1_000
"""Documents whose rows are in memory at a time."""
_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    PLAIN: lambda file: file,
    GZIP: lambda file: gzip.GzipFile(fileobj=file),
    BZIP2: bz2.BZ2File,
    ZSTANDARD: lambda file: zstd.ZstdFile(file, options=LONGEST_WINDOW),
    XZ: lzma.LZMAFile,
}


@dataclass(frozen=True, kw_only=True)
class SourceEstimate:
    """Cost of reading a source, and what it contributes."""

    source: str
    queries: int
    documents: int
    entities: int
    """Selected entities; an upper bound if a service counted them."""
    images: int
    """Images to download, at most."""
    hours: float
    """Time of reading the source."""
    basis: str
    """Origin of the numbers."""


def estimate(recipe: Recipe, reporter: Reporter) -> dict[str, Any]:
    """Return the estimate of a build. Nothing is written.

    Raises:
        UserError: a host requires a contact, or a file cannot be read.
    """
    with own_tables.using(recipe.tables.read()):
        return _estimate(recipe, reporter)


def _estimate(recipe: Recipe, reporter: Reporter) -> dict[str, Any]:
    selector = Selector(recipe.scope)
    with open_sources(recipe.sources, recipe.network, recipe.scope) as sources:
        parts = [_estimate_source(source, selector, recipe, reporter) for source in sources]
    num_images = sum(part.images for part in parts)
    online = any(isinstance(source, CommonsConfig) for source in recipe.image_sources)
    return {
        "sources": [vars(part) for part in parts],
        "entities": sum(part.entities for part in parts),
        "images": num_images,
        **_estimate_downloads(num_images if online else 0),
        # One request for each image of an entity and each model, whatever the number of its questions.
        "relevance_requests": num_images * len(recipe.relevance.models) if recipe.relevance else 0,
    }


def _estimate_downloads(num_images: int) -> dict[str, float | int]:
    """Return calls, gigabytes and hours of downloading images within Wikimedia's published limits."""
    assert API_LIMITS.requests_per_minute and FILE_LIMITS.megabits_per_second
    calls = -(-num_images // MAX_TITLES)
    bytes_per_s = FILE_LIMITS.megabits_per_second * 1e6 / 8
    calls_per_s = API_LIMITS.requests_per_minute / 60
    seconds = max(num_images * THUMBNAIL_BYTES / bytes_per_s, calls / calls_per_s)
    return {
        "image_calls": calls,
        "image_gigabytes": round(num_images * THUMBNAIL_BYTES / 1e9, 2),
        "image_hours": round(seconds / 3600, 2),
    }


def _estimate_source(
    source: StreamSource | LookupSource, selector: Selector, recipe: Recipe, reporter: Reporter
) -> SourceEstimate:
    max_images = recipe.images.max_per_entity
    if isinstance(source, DumpSource):
        return _estimate_dump(source, selector, max_images)
    if isinstance(source, StreamSource):
        counter = _Counter(selector, max_images)
        for batch in source.batches(selector.is_candidate):
            for line in batch.lines:
                counter.add(*line)
            for own in batch.own:
                counter.add_own(own)
        entities, images = counter.selected()
        return SourceEstimate(
            source=source.name,
            queries=0,
            documents=counter.documents,
            entities=entities,
            images=images,
            hours=0,
            basis="read",
        )
    if isinstance(source, api.ApiSource):
        return _estimate_api(source, max_images)
    return _estimate_sparql(source, len(recipe.scope.regions), max_images, reporter)


def _estimate_dump(source: DumpSource, selector: Selector, max_images: int) -> SourceEstimate:
    began = time.monotonic()
    sample = _Sample(source.path)
    counter = _Counter(selector, max_images)
    for number, text in sample.documents():
        if selector.is_candidate(text):
            counter.add(number, text)
    entities, images = counter.selected()
    scale = 1 / sample.share
    return SourceEstimate(
        source=source.name,
        queries=0,
        documents=round(sample.num_documents * scale),
        entities=round(entities * scale),
        images=round(images * scale),
        hours=round((time.monotonic() - began) * scale / 3600, 2),
        basis="read completely"
        if sample.share == 1
        else f"scaled up from the first {100 * sample.share:.2g} % of the file",
    )


class _Sample:
    """The beginning of a dump, in constant memory.

    Decompressors of several threads read ahead, so that the share of the file would be unknown. Those of Python do not.

    Args:
        path: the dump.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.num_documents = 0
        self.share = 1.0
        """Share of the file that was read, known after the last document."""

    def documents(self) -> Iterator[tuple[int, bytes]]:
        """Yield the documents, each with its number, without the last one if it is truncated.

        Raises:
            UserError: the file cannot be read, or is not a dump.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                found = compression(file, self._path)
                size, head = os.fstat(file.fileno()).st_size, io.BytesIO(_read(file, SAMPLE_BYTES))
        except OSError as error:
            raise UserError(f"Cannot read the dump {self._path}: {error.strerror}. Check the path.") from error
        with _OPENERS[found](head) as plain:
            beginning = _Beginning(plain, is_whole=size <= SAMPLE_BYTES)
            try:
                buffered = io.BufferedReader(beginning, buffer_size=BUFFER_BYTES)
                check_json(buffered.peek(), self._path)
                yield from self._complete(dump.documents(buffered, 0), beginning)
            except BROKEN as error:
                raise UserError(
                    f"The dump {self._path} is broken or truncated ({error}). Download it again."
                ) from error
            self.share = min(1.0, max(1, head.tell()) / size)

    def _complete(self, numbered: Iterator[tuple[int, bytes]], beginning: "_Beginning") -> Iterator[tuple[int, bytes]]:
        last = next(numbered, None)
        for following in numbered:
            assert last is not None
            self.num_documents += 1
            yield last
            last = following
        if last is not None and not beginning.is_cut:
            self.num_documents += 1
            yield last


class _Beginning(io.RawIOBase):
    """The beginning of a plain text: a few megabytes can hold hundreds of gigabytes.

    Args:
        plain: the decompressed stream.
        is_whole: whether the stream has the whole dump. Otherwise its compressed end is cut.
    """

    def __init__(self, plain: Any, *, is_whole: bool) -> None:
        self._plain = plain
        self._is_whole = is_whole
        self._left = SAMPLE_PLAIN_BYTES
        self.is_cut = False
        """True if the text ended before the dump."""

    def readable(self) -> bool:
        """Return true, which `io.BufferedReader` requires."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and return the number of bytes: 0 at the end of the sample."""
        try:
            content = self._plain.read1(min(len(buffer), self._left))
        except EOFError:
            if self._is_whole:
                raise
            content = b""
        self._left -= len(content)
        self.is_cut = not content and (self._left == 0 or not self._is_whole)
        buffer[: len(content)] = content
        return len(content)


class _Counter:
    """Counts the selected documents, and the images that they name.

    Args:
        selector: selects the documents.
        max_images: maximum number of images of an entity.
    """

    def __init__(self, selector: Selector, max_images: int) -> None:
        self._selector = selector
        self._max_images = max_images
        self._rows = EntityRowsBuilder("estimate")
        self.documents = self._entities = self._images = 0

    def add(self, number: int, text: bytes) -> None:
        """Count one document."""
        scope = self._selector.scope
        self._selector.add(dump.parse(number, text, scope.read_properties, scope.label_codes), self._rows)
        self.documents += 1
        if self.documents % BATCH_DOCUMENTS == 0:
            self.selected()

    def add_own(self, own: OwnEntity) -> None:
        """Count one entity of own knowledge."""
        self._selector.add(DocumentLine(own.number, own.entity, asked=own.entity.id), self._rows)
        self.documents += 1

    def selected(self) -> tuple[int, int]:
        """Return the numbers of selected entities and of their images so far."""
        rows = self._rows.build()
        self._rows = EntityRowsBuilder("estimate")
        num_images: dict[str, int] = {}
        for claim in rows.tables["claim"].to_pylist() if "claim" in rows.tables else ():
            if claim["best"] and claim["property"] in IMAGE_PROPERTIES:
                files = self._max_images if claim["property"] in CATEGORY_PROPERTIES else 1
                num_images[claim["entity"]] = min(self._max_images, num_images.get(claim["entity"], 0) + files)
        self._entities += len(rows.entities())
        self._images += sum(num_images.values())
        return self._entities, self._images


def _read(file: io.FileIO, num_bytes: int) -> bytes:
    """Return the first bytes of a file. One call may return fewer."""
    parts = []
    while num_bytes > 0 and (part := file.read(num_bytes)):
        parts.append(part)
        num_bytes -= len(part)
    return b"".join(parts)


def _estimate_api(source: api.ApiSource, max_images: int) -> SourceEstimate:
    assert API_LIMITS.requests_per_minute
    num_ids = len(source.find(api.ListSlice()))
    calls = -(-num_ids // api.BATCH)
    return SourceEstimate(
        source=source.name,
        queries=calls,
        documents=num_ids,
        entities=num_ids,
        images=num_ids * max_images,
        hours=round(calls / API_LIMITS.requests_per_minute / 60, 2),
        basis="listed",
    )


def _estimate_sparql(source: LookupSource, num_regions: int, max_images: int, reporter: Reporter) -> SourceEstimate:
    finder = source.finder if isinstance(source, SparqlApiSource) else source
    assert isinstance(finder, SparqlSource), source
    slices = finder.slices()
    num_ids = 0
    basis = "counted by the endpoint; an entity with several links counts several times"
    with reporter.bar(f"count: {source.name}", len(slices), "slices") as bar:
        for slice in slices:
            try:
                num_ids += finder.count(slice)
            except IncompleteAnswerError:
                basis = "at least: the endpoint could not count some slices"
            bar.advance()
    if finder.per_region:
        num_ids = min(num_ids, finder.per_region * num_regions)
    if isinstance(source, SparqlApiSource):
        queries = len(slices) + -(-num_ids // api.BATCH)
    else:
        queries = len(slices) + QUERIES_PER_BATCH * -(-num_ids // finder.batch)
    return SourceEstimate(
        source=source.name,
        queries=queries,
        documents=num_ids,
        entities=num_ids,
        images=num_ids * max_images,
        hours=round(queries * (finder.endpoint.limits.pause_s + ANSWER_S) / 3600, 2),
        basis=basis,
    )
