"""Open the sources of a recipe.

Network libraries are imported by the sources that need them, so a dump starts without them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.entities.base import Batch, LookupSource, StreamSource
from factory.entities.sources import dump, files
from factory.entities.sources.config import ApiConfig, DumpConfig, FilesConfig, SourceConfig, SparqlConfig
from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK, Slice
from factory.net.config import NetworkConfig
from factory.reference.properties import IMAGE_PROPERTIES
from factory.scope import Scope
from pangea_cultural.reference.regions import region

if TYPE_CHECKING:
    from factory.entities.sources import api
    from factory.entities.sources.sparql import source as sparql
    from factory.net.client import Client


@dataclass(frozen=True)
class DumpSource:
    """Entity documents from one dump file."""

    path: Path
    name: str

    @property
    def size_bytes(self) -> int:
        """Size of the file, for progress."""
        return self.path.stat().st_size

    def batches(self, is_candidate: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """Yield the lines after line `start` (see `dump.batches`)."""
        return dump.batches(self.path, is_candidate, start=start)


@dataclass(frozen=True)
class SparqlApiSource:
    """Ids from a SPARQL endpoint, documents from an entity API."""

    finder: sparql.SparqlSource
    reader: api.ApiSource
    name: str

    @property
    def per_region(self) -> int:
        """Limit of documents per region, 0 for no limit."""
        return self.finder.per_region

    def slices(self) -> list[Slice]:
        """Return the first slices of the endpoint."""
        return self.finder.slices()

    def find(self, slice: Slice) -> list[str]:
        """Return the ids of a slice from the endpoint."""
        return self.finder.find(slice)

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield every id with its document from the API."""
        return self.reader.documents(ids)


@contextlib.contextmanager
def open_sources(
    configs: Sequence[SourceConfig], network: NetworkConfig, scope: Scope
) -> Iterator[list[StreamSource | LookupSource]]:
    """Open sources in the given order, and close their connections at the end of the block.

    Raises:
        UserError: a host requires a contact.
    """
    with contextlib.ExitStack() as stack:
        online = any(isinstance(config, ApiConfig) or getattr(config, "api_url", "") for config in configs)
        client = stack.enter_context(network.client(seed=scope.seed)) if online else None
        yield [
            _open(config, name, network, scope, client, stack)
            for config, name in zip(configs, _names(configs), strict=True)
        ]


def _open(
    config: SourceConfig,
    name: str,
    network: NetworkConfig,
    scope: Scope,
    client: Client | None,
    stack: contextlib.ExitStack,
) -> StreamSource | LookupSource:
    if isinstance(config, DumpConfig):
        return DumpSource(config.path, name)
    if isinstance(config, FilesConfig):
        return files.FilesSource(config.path, name)
    if isinstance(config, ApiConfig):
        return _api(client, config.url, config.ids, scope, name)
    source = _sparql(config, name, network, scope, stack)
    if not config.api_url:
        return source
    return SparqlApiSource(source, _api(client, config.api_url, (), scope, name), name)


def _api(client: Client | None, url: str, ids: Sequence[str], scope: Scope, name: str) -> api.ApiSource:
    from factory.entities.sources import api

    assert client is not None
    return api.ApiSource(client, url, ids=ids, languages=sorted(scope.label_codes), name=name)


def _sparql(
    config: SparqlConfig, name: str, network: NetworkConfig, scope: Scope, stack: contextlib.ExitStack
) -> sparql.SparqlSource:
    from factory.entities.sources.sparql import source as sparql
    from factory.entities.sources.sparql.endpoint import Endpoint
    from factory.entities.sources.sparql.responses import QueryLimits

    endpoint = Endpoint(
        config.url,
        contact=network.contact,
        limits=QueryLimits(pause_s=config.pause_s, timeout_s=config.timeout_s),
        private_hosts=network.private_hosts,
        seed=scope.seed,
    )
    search = sparql.SearchScope(
        regions=tuple(region(slug) for slug in scope.regions),
        links=(*scope.link_properties, BIRTHPLACE_LINK),
        asked=tuple(sorted(scope.answer_properties)),
        wanted=tuple(sorted(scope.read_properties)),
        labels=tuple(sorted(scope.label_codes)),
        images=IMAGE_PROPERTIES if scope.images_required else (),
    )
    return sparql.SparqlSource(stack.enter_context(endpoint), search, name, config.batch, config.per_region)


def _names(configs: Sequence[SourceConfig]) -> list[str]:
    """Return the name of each source. Equal names get their position in the recipe."""
    labels = [config.label() for config in configs]
    return [label if labels.count(label) == 1 else f"{label} ({n})" for n, label in enumerate(labels, 1)]
