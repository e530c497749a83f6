"""Estimate of a build's cost: queries, documents, images, gigabytes and hours.

Counts of a dump are extrapolated from its first megabytes. A SPARQL endpoint is asked for counts.
"""

import bz2
import io
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backports import zstd

from factory.entities.base import IncompleteAnswerError, LookupSource, StreamSource
from factory.entities.entity_rows import EntityRowsBuilder
from factory.entities.selector import Selector
from factory.entities.sources import api, dump
from factory.entities.sources.open import DumpSource, SparqlApiSource, open_sources
from factory.entities.sources.sparql.source import SparqlSource
from factory.images.config import CommonsConfig
from factory.images.sources.commons.api import MAX_TITLES
from factory.net.limits import DEFAULTS
from factory.recipe import Recipe
from factory.reference.properties import CATEGORY_PROPERTIES, IMAGE_PROPERTIES
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter

SAMPLE_BYTES = 24 << 20
"""Bytes to read from the beginning of a compressed dump: about ten thousand documents."""
THUMBNAIL_BYTES = 200_000
"""Size of a photo 960 pixels wide. Those of Commons have 150 to 300 kB."""
QUERIES_PER_BATCH = 4
"""Queries for the documents of a batch: heads, labels, statements, value nodes."""
ANSWER_S = 1.0
"""Seconds that an endpoint takes to answer a query."""
API_LIMITS, FILE_LIMITS = DEFAULTS["wikimedia-api"], DEFAULTS["wikimedia-files"]
_NEW_DECODER: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),
    ".bz2": bz2.BZ2Decompressor,
    ".zst": zstd.ZstdDecompressor,
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
    selector = Selector(recipe.scope)
    with open_sources(recipe.sources, recipe.network, recipe.scope) as sources:
        parts = [_estimate_source(source, selector, recipe, reporter) for source in sources]
    num_images = sum(part.images for part in parts)
    online = any(isinstance(source, CommonsConfig) for source in recipe.images.sources)
    return {
        "sources": [vars(part) for part in parts],
        "entities": sum(part.entities for part in parts),
        "images": num_images,
        **_estimate_downloads(num_images if online else 0),
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
        lines = [line for batch in source.batches(selector.is_candidate) for line in batch.lines]
        entities, images = _count_selected(lines, selector, max_images)
        return SourceEstimate(
            source=source.name, queries=0, documents=len(lines), entities=entities, images=images, hours=0, basis="read"
        )
    if isinstance(source, api.ApiSource):
        return _estimate_api(source, max_images)
    return _estimate_sparql(source, len(recipe.scope.regions), max_images, reporter)


def _estimate_dump(source: DumpSource, selector: Selector, max_images: int) -> SourceEstimate:
    began = time.monotonic()
    lines, share = _read_beginning(source.path)
    candidates = [(n, text) for n, text in enumerate(lines, 1) if selector.is_candidate(text)]
    entities, images = _count_selected(candidates, selector, max_images)
    scale = 1 / share
    return SourceEstimate(
        source=source.name,
        queries=0,
        documents=round(len(lines) * scale),
        entities=round(entities * scale),
        images=round(images * scale),
        hours=round((time.monotonic() - began) * scale / 3600, 2),
        basis="read completely" if share == 1 else f"scaled up from the first {100 * share:.2g} % of the file",
    )


def _read_beginning(path: Path) -> tuple[list[bytes], float]:
    """Return the documents at the beginning of a dump, and their share of the file."""
    try:
        with path.open("rb") as stream:
            head = stream.read(SAMPLE_BYTES)
    except OSError as error:
        raise UserError(f"Cannot read the dump {path}: {error.strerror}. Check the path.") from error
    plain = _decompress(head, _NEW_DECODER.get(path.suffix))
    share = min(1.0, len(head) / max(1, path.stat().st_size))
    if share < 1:
        plain = plain[: plain.rfind(b"\n") + 1]  # the last line is truncated
    return [text for _, text in dump.documents(io.BytesIO(plain), 0)], share


def _decompress(head: bytes, new_decoder: Callable[[], Any] | None) -> bytes:
    """Decompress the beginning of a dump, which consists of several streams, one after the other."""
    if new_decoder is None:
        return head
    plain, decoder = [], new_decoder()
    while head:
        try:
            plain.append(decoder.decompress(head))
        except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
            raise UserError(f"The dump's content does not match its suffix ({error}). Check the path.") from error
        head = decoder.unused_data if decoder.eof else b""
        decoder = new_decoder()
    return b"".join(plain)


def _count_selected(lines: list[tuple[int, bytes]], selector: Selector, max_images: int) -> tuple[int, int]:
    """Return how many documents are selected, and the images that they name, at most `max_images` each."""
    rows, scope = EntityRowsBuilder("estimate"), selector.scope
    for number, text in lines:
        selector.add(dump.parse(number, text, scope.read_properties, scope.label_codes), rows)
    selected = rows.build()
    num_images: dict[str, int] = {}
    for claim in selected.tables["claim"].to_pylist() if "claim" in selected.tables else ():
        if claim["best"] and claim["property"] in IMAGE_PROPERTIES:
            files = max_images if claim["property"] in CATEGORY_PROPERTIES else 1
            num_images[claim["entity"]] = min(max_images, num_images.get(claim["entity"], 0) + files)
    return len(selected.entities()), sum(num_images.values())


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
