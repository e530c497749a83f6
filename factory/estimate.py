"""What a build would cost, before it is begun: queries, documents, images, gigabytes, hours.

A dump is judged by its beginning: what was selected of the first megabytes is scaled up to the whole file. A SPARQL
endpoint is asked to count.
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
"""Of the compressed file: some ten thousand documents."""
THUMBNAIL_BYTES = 200_000
"""Of a photo, 960 pixels wide: Commons' usual 150 to 300 kB."""
QUERIES_PER_BATCH = 4
"""Heads, labels, statements, value nodes."""
_NEW_DECODER: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),
    ".bz2": bz2.BZ2Decompressor,
    ".zst": zstd.ZstdDecompressor,
}


@dataclass(frozen=True, kw_only=True)
class SourceEstimate:
    """What a source would be asked, and what it would give."""

    source: str
    queries: int
    documents: int
    entities: int
    """That would be selected; an upper bound where a service has counted."""
    images: int
    """That would be fetched, at most."""
    hours: float
    """Of reading the source."""
    basis: str
    """How this is known."""


def estimate(recipe: Recipe, reporter: Reporter) -> dict[str, Any]:
    """The estimate of a build; nothing is written.

    Raises:
        UserError: a host wants a contact, or a file cannot be read.
    """
    selector = Selector(recipe.scope)
    with open_sources(recipe.sources, recipe.network, recipe.scope) as sources:
        parts = [_of_source(source, selector, recipe, reporter) for source in sources]
    images = sum(part.images for part in parts)
    online = any(isinstance(source, CommonsConfig) for source in recipe.images.sources)
    return {
        "sources": [vars(part) for part in parts],
        "entities": sum(part.entities for part in parts),
        "images": images,
        **_of_images(images if online else 0),
    }


def _of_images(images: int) -> dict[str, float | int]:
    """Calls, gigabytes and hours of fetching images within Wikimedia's published limits."""
    calls = -(-images // MAX_TITLES)
    bytes_per_s = (DEFAULTS["wikimedia-files"].megabits_per_second or 25) * 1e6 / 8
    calls_per_s = (DEFAULTS["wikimedia-api"].requests_per_minute or 200) / 60
    seconds = max(images * THUMBNAIL_BYTES / bytes_per_s, calls / calls_per_s)
    return {
        "image_calls": calls,
        "image_gigabytes": round(images * THUMBNAIL_BYTES / 1e9, 2),
        "image_hours": round(seconds / 3600, 2),
    }


def _of_source(
    source: StreamSource | LookupSource, selector: Selector, recipe: Recipe, reporter: Reporter
) -> SourceEstimate:
    if isinstance(source, DumpSource):
        return _of_dump(source, selector, recipe)
    if isinstance(source, StreamSource):
        lines = [line for batch in source.batches(selector.is_candidate) for line in batch.lines]
        found, images = _selected(lines, selector, recipe)
        return SourceEstimate(
            source=source.name, queries=0, documents=len(lines), entities=found, images=images, hours=0, basis="read"
        )
    return _of_service(source, recipe, reporter)


def _of_dump(source: DumpSource, selector: Selector, recipe: Recipe) -> SourceEstimate:
    began = time.monotonic()
    lines, share = _beginning(source.path)
    wanted = [(n, text) for n, text in enumerate(lines, 1) if selector.is_candidate(text)]
    found, images = _selected(wanted, selector, recipe)
    scale = 1 / share
    return SourceEstimate(
        source=source.name,
        queries=0,
        documents=round(len(lines) * scale),
        entities=round(found * scale),
        images=round(images * scale),
        hours=round((time.monotonic() - began) * scale / 3600, 2),
        basis="read whole" if share == 1 else f"scaled up from the first {100 * share:.2g} % of the file",
    )


def _beginning(path: Path) -> tuple[list[bytes], float]:
    """Whole documents from the beginning of a dump, and how much of the file that is."""
    try:
        with path.open("rb") as stream:
            head = stream.read(SAMPLE_BYTES)
    except OSError as error:
        raise UserError(f"cannot read the dump {path}: {error.strerror}") from error
    plain = _decoded(head, _NEW_DECODER.get(path.suffix))
    share = min(1.0, len(head) / max(1, path.stat().st_size))
    if share < 1:
        plain = plain[: plain.rfind(b"\n") + 1]  # the last line is cut
    return [text for _, text in dump.documents(io.BytesIO(plain), 0)], share


def _decoded(head: bytes, new: Callable[[], Any] | None) -> bytes:
    """The plain text of a compressed beginning; dumps consist of several streams, one behind the other."""
    if new is None:
        return head
    plain, decoder = [], new()
    while head:
        try:
            plain.append(decoder.decompress(head))
        except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
            raise UserError(f"the dump is not what its name says ({error}): check the recipe's path") from error
        head = decoder.unused_data if decoder.eof else b""
        decoder = new()
    return b"".join(plain)


def _selected(lines: list[tuple[int, bytes]], selector: Selector, recipe: Recipe) -> tuple[int, int]:
    """How many of some documents are selected, and how many images they would have at most."""
    rows, scope = EntityRowsBuilder("estimate"), selector.scope
    for number, text in lines:
        selector.add(dump.parse(number, text, scope.read_properties, scope.label_codes), rows)
    done = rows.build()
    named: dict[str, int] = {}
    for claim in done.tables["claim"].to_pylist() if "claim" in done.tables else ():
        if claim["best"] and claim["property"] in IMAGE_PROPERTIES:
            many = recipe.images.max_per_entity if claim["property"] in CATEGORY_PROPERTIES else 1
            named[claim["entity"]] = min(recipe.images.max_per_entity, named.get(claim["entity"], 0) + many)
    return len(done.entities()), sum(named.values())


def _of_service(source: LookupSource, recipe: Recipe, reporter: Reporter) -> SourceEstimate:
    if isinstance(source, api.ApiSource):
        ids = len(source.find(api.ListSlice()))
        calls = -(-ids // api.BATCH)
        return _service_estimate(source, recipe, queries=calls, found=ids, hours=calls / 200 / 60, basis="listed")
    finder = source.finder if isinstance(source, SparqlApiSource) else source
    assert isinstance(finder, SparqlSource), source
    slices = finder.slices()
    found = 0
    basis = "counted by the endpoint; an entity with several links counts several times"
    with reporter.bar(f"count: {source.name}", len(slices), "slices") as bar:
        for slice in slices:
            try:
                found += finder.count(slice)
            except IncompleteAnswerError:
                basis = "at least: the endpoint could not count some slices"
            bar.advance()
    if finder.per_region:
        found = min(found, finder.per_region * len(recipe.scope.regions))
    batches = -(-found // (api.BATCH if isinstance(source, SparqlApiSource) else finder.batch))
    queries = len(slices) + (batches if isinstance(source, SparqlApiSource) else QUERIES_PER_BATCH * batches)
    # A second of answering beside the pause between two queries.
    hours = queries * (finder.endpoint.limits.pause_s + 1) / 3600
    return _service_estimate(source, recipe, queries=queries, found=found, hours=hours, basis=basis)


def _service_estimate(
    source: LookupSource, recipe: Recipe, *, queries: int, found: int, hours: float, basis: str
) -> SourceEstimate:
    return SourceEstimate(
        source=source.name,
        queries=queries,
        documents=found,
        entities=found,
        images=found * recipe.images.max_per_entity,
        hours=round(hours, 2),
        basis=basis,
    )
