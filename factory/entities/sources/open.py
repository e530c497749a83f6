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
from factory.entities.sources import dump, files
from factory.entities.sources.config import ApiConfig, DumpConfig, FilesConfig, SourceConfig, SparqlConfig
from factory.entities.sources.dump import Batch
from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK, Slice
from factory.net.config import Network
from factory.reference.properties import IMAGE_PROPERTIES
from factory.scope import Scope
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
def open_sources(
    configs: Sequence[SourceConfig], network: Network, scope: Scope
) -> Iterator[list[StreamSource | LookupSource]]:
    """The sources of a recipe, in its order; connections end with the block.

    Raises:
        UserError: a host wants to know whom to contact.
    """
    with contextlib.ExitStack() as stack:
        online = any(isinstance(config, ApiConfig) or getattr(config, "documents", "") for config in configs)
        client = stack.enter_context(network.client(seed=scope.seed)) if online else None
        yield [
            _open(config, name, network, scope, client) for config, name in zip(configs, _names(configs), strict=True)
        ]


def _open(
    config: SourceConfig, name: str, network: Network, scope: Scope, client: Client | None
) -> StreamSource | LookupSource:
    if isinstance(config, DumpConfig):
        return Dump(config.path, name)
    if isinstance(config, FilesConfig):
        return files.FilesSource(config.path, name)
    if isinstance(config, ApiConfig):
        return _api(client, config.url, config.ids, scope, name)
    found = _sparql(config, name, network, scope)
    if not config.documents:
        return found
    return FoundBySparql(found, _api(client, config.documents, (), scope, name), name)


def _api(client: Client | None, url: str, ids: Sequence[str], scope: Scope, name: str) -> api.ApiSource:
    from factory.entities.sources import api

    assert client is not None
    return api.ApiSource(client, url, ids=ids, languages=sorted(scope.label_codes), name=name)


def _sparql(config: SparqlConfig, name: str, network: Network, scope: Scope) -> lookup.SparqlSource:
    from factory.entities.sources.sparql import source as lookup
    from factory.entities.sources.sparql.endpoint import Endpoint
    from factory.entities.sources.sparql.responses import Politeness

    endpoint = Endpoint(
        config.url,
        contact=network.contact,
        politeness=Politeness(pause_s=config.pause_s, timeout_s=config.timeout_s),
        private_hosts=network.private_hosts,
        seed=scope.seed,
    )
    search = lookup.SearchScope(
        regions=tuple(region(slug) for slug in scope.regions),
        links=(*scope.link_properties, BIRTHPLACE_LINK),
        asked=tuple(sorted(scope.answer_properties)),
        wanted=tuple(sorted(scope.read_properties)),
        labels=tuple(sorted(scope.label_codes)),
        images=IMAGE_PROPERTIES if scope.images_required else (),
    )
    return lookup.SparqlSource(endpoint, search, name, config.batch, config.per_region)


def _names(configs: Sequence[SourceConfig]) -> list[str]:
    """What each source is called; two of the same name are told apart by their place in the recipe."""
    plain = [config.label() for config in configs]
    return [name if plain.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(plain, 1)]
