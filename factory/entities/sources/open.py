"""The doors that a recipe names, opened.

Libraries of the network are imported by the doors that need it: a dump has none to wait for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.entities.base import LookupDoor, StreamDoor
from factory.entities.selector import PICTURE_PROPERTIES, Selector
from factory.entities.sources import dump, files
from factory.entities.sources.dump import Batch
from factory.entities.sources.sparql.slices import BIRTHPLACE_LINK, Slice
from factory.recipe import ApiDoor, DumpDoor, FilesDoor, Recipe, SparqlDoor
from pangea_cultural.reference.regions import region

if TYPE_CHECKING:
    from factory.entities.sources import api
    from factory.entities.sources.sparql import source as lookup
    from factory.net.client import Client


@dataclass(frozen=True)
class Dump:
    """The dump door of a recipe."""

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

    finder: lookup.SparqlDoor
    reader: api.ApiDoor
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
def open_doors(recipe: Recipe, selector: Selector) -> Iterator[list[StreamDoor | LookupDoor]]:
    """The doors of a recipe, in its order; connections end with the block.

    Raises:
        UserError: a host wants to know whom to contact.
    """
    with contextlib.ExitStack() as stack:
        online = any(isinstance(door, ApiDoor) or getattr(door, "documents", "") for door in recipe.doors)
        client = stack.enter_context(recipe.network.client(seed=recipe.seed)) if online else None
        yield [
            _open(door, name, recipe, selector, client) for door, name in zip(recipe.doors, _names(recipe), strict=True)
        ]


def _open(door: Any, name: str, recipe: Recipe, selector: Selector, client: Client | None) -> StreamDoor | LookupDoor:
    if isinstance(door, DumpDoor):
        return Dump(door.path, name)
    if isinstance(door, FilesDoor):
        return files.FilesDoor(door.path, name)
    if isinstance(door, ApiDoor):
        return _api(client, door.url, door.ids, selector, name)
    found = _sparql(door, name, recipe, selector)
    if not door.documents:
        return found
    return FoundBySparql(found, _api(client, door.documents, (), selector, name), name)


def _api(client: Client | None, url: str, ids: Sequence[str], selector: Selector, name: str) -> api.ApiDoor:
    from factory.entities.sources import api

    assert client is not None
    return api.ApiDoor(client, url, ids=ids, languages=sorted(selector.labels), name=name)


def _sparql(door: SparqlDoor, name: str, recipe: Recipe, selector: Selector) -> lookup.SparqlDoor:
    from factory.entities.sources.sparql import source as lookup
    from factory.entities.sources.sparql.endpoint import Endpoint
    from factory.entities.sources.sparql.responses import Politeness

    politeness = Politeness(pause_s=door.pause_s, timeout_s=door.timeout_s)
    network = recipe.network
    endpoint = Endpoint(
        door.url, contact=network.contact, politeness=politeness, private_hosts=network.private_hosts, seed=recipe.seed
    )
    scope = lookup.Scope(
        regions=tuple(region(slug) for slug in recipe.asked_regions()),
        links=(*selector.links, BIRTHPLACE_LINK),
        asked=tuple(sorted(selector.asked)),
        wanted=tuple(sorted(selector.wanted)),
        labels=tuple(sorted(selector.labels)),
        pictures=PICTURE_PROPERTIES if recipe.images.required else (),
    )
    return lookup.SparqlDoor(endpoint, scope, name, door.batch, door.per_region)


def _names(recipe: Recipe) -> list[str]:
    """What each door is called; two of the same name are told apart by their place in the recipe."""
    plain = [door.label() for door in recipe.doors]
    return [name if plain.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(plain, 1)]
