"""The sources that a recipe names, opened.

Libraries of the network are imported by the sources that need it: a dump has none to wait for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.entities.base import LookupSource, StreamSource
from factory.entities.selector import IMAGE_PROPERTIES, Selector
from factory.entities.sources import dump, files
from factory.entities.sources.dump import Batch
from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK, Slice
from factory.recipe import ApiSource, DumpSource, FilesSource, Recipe, SparqlSource
from pangea_cultural.reference.regions import region

if TYPE_CHECKING:
    from factory.entities.sources import api
    from factory.entities.sources.sparql import source as lookup
    from factory.net.client import Client


@dataclass(frozen=True)
class Dump:
    """The dump source of a recipe."""

    path: Path
    name: str

    @property
    def size_bytes(self) -> int:
        """Of the file, for progress."""
        return self.path.stat().st_size

    def batches(self, wanted: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """The lines that a test lets through, from a position on."""
        return dump.batches(self.path, wanted, start=start)


@dataclass(frozen=True)
class FoundBySparql:
    """Ids from a SPARQL endpoint, documents from an entity API."""

    finder: lookup.SparqlSource
    reader: api.ApiSource
    name: str

    @property
    def per_region(self) -> int:
        """The endpoint's."""
        return self.finder.per_region

    def slices(self) -> list[Slice]:
        """The endpoint's."""
        return self.finder.slices()

    def find(self, slice: Slice) -> list[str]:
        """Ids of a slice, from the endpoint."""
        return self.finder.find(slice)

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Documents, from the API."""
        return self.reader.documents(ids)


@contextlib.contextmanager
def open_sources(recipe: Recipe, selector: Selector) -> Iterator[list[StreamSource | LookupSource]]:
    """The sources of a recipe, in its order; connections end with the block.

    Raises:
        UserError: a host wants to know whom to contact.
    """
    with contextlib.ExitStack() as stack:
        online = any(isinstance(source, ApiSource) or getattr(source, "documents", "") for source in recipe.sources)
        client = stack.enter_context(recipe.network.client(seed=recipe.seed)) if online else None
        yield [
            _open(source, name, recipe, selector, client)
            for source, name in zip(recipe.sources, _names(recipe), strict=True)
        ]


def _open(
    source: Any, name: str, recipe: Recipe, selector: Selector, client: Client | None
) -> StreamSource | LookupSource:
    if isinstance(source, DumpSource):
        return Dump(source.path, name)
    if isinstance(source, FilesSource):
        return files.FilesSource(source.path, name)
    if isinstance(source, ApiSource):
        return _api(client, source.url, source.ids, selector, name)
    found = _sparql(source, name, recipe, selector)
    if not source.documents:
        return found
    return FoundBySparql(found, _api(client, source.documents, (), selector, name), name)


def _api(client: Client | None, url: str, ids: Sequence[str], selector: Selector, name: str) -> api.ApiSource:
    from factory.entities.sources import api

    assert client is not None
    return api.ApiSource(client, url, ids=ids, languages=sorted(selector.labels), name=name)


def _sparql(source: SparqlSource, name: str, recipe: Recipe, selector: Selector) -> lookup.SparqlSource:
    from factory.entities.sources.sparql import source as lookup
    from factory.entities.sources.sparql.endpoint import Endpoint
    from factory.entities.sources.sparql.responses import Politeness

    politeness = Politeness(pause_s=source.pause_s, timeout_s=source.timeout_s)
    network = recipe.network
    endpoint = Endpoint(
        source.url,
        contact=network.contact,
        politeness=politeness,
        private_hosts=network.private_hosts,
        seed=recipe.seed,
    )
    scope = lookup.Scope(
        regions=tuple(region(slug) for slug in recipe.asked_regions()),
        links=(*selector.links, BIRTHPLACE_LINK),
        asked=tuple(sorted(selector.asked)),
        wanted=tuple(sorted(selector.wanted)),
        labels=tuple(sorted(selector.labels)),
        images=IMAGE_PROPERTIES if recipe.images.required else (),
    )
    return lookup.SparqlSource(endpoint, scope, name, source.batch, source.per_region)


def _names(recipe: Recipe) -> list[str]:
    """What each source is called; two of the same name are told apart by their place in the recipe."""
    plain = [source.label() for source in recipe.sources]
    return [name if plain.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(plain, 1)]
