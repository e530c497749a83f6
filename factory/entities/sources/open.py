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
from factory.knowledge.config import KnowledgeConfig
from factory.net.config import NetworkConfig
from factory.reference.properties import IMAGE_PROPERTIES
from factory.scope import Scope
from factory.wikidata.values import PROPERTY
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
    configs: Sequence[SourceConfig], network: NetworkConfig, scope: Scope, scratch: Path | None = None
) -> Iterator[list[StreamSource | LookupSource]]:
    """Open sources in the given order, and close their connections at the end of the block.

    Args:
        configs: the sources.
        network: limits and contact.
        scope: scope of the recipe.
        scratch: folder for temporary data; by default that of the system.

    Raises:
        UserError: a host requires a contact.
    """
    with contextlib.ExitStack() as stack:
        online = any(isinstance(config, ApiConfig) or getattr(config, "api_url", "") for config in configs)
        client = stack.enter_context(network.client(seed=scope.seed)) if online else None
        named = list(zip(configs, _names(configs), strict=True))
        own = [(config, name) for config, name in named if isinstance(config, KnowledgeConfig)]
        sources: list[StreamSource | LookupSource] = []
        for config, name in named:
            if not isinstance(config, KnowledgeConfig):
                sources.append(_open(config, name, network, scope, client, stack))
            elif config is own[0][0]:
                # Rows about one entity can be in several files.
                together = ", ".join(name for _, name in own)
                sources.append(_knowledge([config for config, _ in own], together, scope, scratch))
        yield sources


def _open(
    config: DumpConfig | FilesConfig | ApiConfig | SparqlConfig,
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


def _knowledge(configs: Sequence[KnowledgeConfig], name: str, scope: Scope, scratch: Path | None) -> StreamSource:
    from factory.entities.sources.knowledge import KnowledgeSource

    return KnowledgeSource(configs, name, scope, scratch)


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
        asked=tuple(sorted(filter(PROPERTY.fullmatch, scope.answer_properties))),
        wanted=tuple(sorted(filter(PROPERTY.fullmatch, scope.read_properties))),
        labels=tuple(sorted(scope.label_codes)),
        images=IMAGE_PROPERTIES,
    )
    return sparql.SparqlSource(stack.enter_context(endpoint), search, name, config.batch, config.per_region)


def _names(configs: Sequence[SourceConfig]) -> list[str]:
    """Return the name of each source, which is also its place in the store: no two are equal.

    Files with the same name are told apart by their folders, other sources by their position in the recipe.
    """
    labels = [config.label() for config in configs]
    for length in range(2, 4):
        labels = [
            label if labels.count(label) == 1 else _longer(config, label, length)
            for config, label in zip(configs, labels, strict=True)
        ]
    names: list[str] = []
    for number, label in enumerate(labels, 1):
        name = label if labels.count(label) == 1 else f"{label} ({number})"
        while name in names or (name != label and name in labels):
            name += f" ({number})"
        names.append(name)
    return names


def _longer(config: SourceConfig, label: str, num_parts: int) -> str:
    path = getattr(config, "path", None)
    return "/".join(path.parts[-num_parts:]) if path is not None else label
