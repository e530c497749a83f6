"""Doors that are asked for items, then for their documents: a SPARQL endpoint. (A dump is read from end to end.)"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import Field

from factory.wikidata import rdf
from factory.wikidata.answers import EndpointDownError, Politeness, TooMuchError
from factory.wikidata.rdf import Row
from factory.wikidata.slices import Slice, slices
from factory.wikidata.sparql import Endpoint
from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.regions import Region

__all__ = ["CUT_OFF", "EndpointDownError", "LookupDoor", "Scope", "SparqlDoor", "SparqlSource", "TooMuchError"]

CUT_OFF = "answer cut off"
_ENTITY_ID = re.compile("[A-Z][1-9][0-9]{0,14}")


class LookupDoor(Protocol):
    """A door that is asked."""

    name: str
    """What stands in the store's door column."""

    def slices(self) -> list[Slice]:
        """The first slices, always in the same order."""

    def find(self, slice: Slice) -> list[str]:
        """Ids of a slice's items, sorted.

        Raises:
            TooMuchError: the slice has to be split.
        """

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, dict]]:
        """Each id asked with its document, in the order asked.

        A document can be another item's (`redirected from`), say that there is none (`missing`), or that it could not
        be had (`error`).
        """


class SparqlSource(config.Config):
    """A SPARQL endpoint that holds Wikidata's RDF: its query service, QLever, a server of one's own."""

    kind: Literal["sparql"]
    url: str = "https://query.wikidata.org/sparql"
    pause_s: float = Field(default=1.0, ge=0)
    """Between two queries."""
    timeout_s: float = Field(default=65.0, gt=0)
    """For an answer; a slice that takes longer is split."""
    batch: int = Field(default=50, ge=1, le=500)
    """Items whose documents are asked for at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a door is asked for."""

    regions: tuple[Region, ...]
    links: tuple[str, ...]
    """Properties that link an item to a region."""
    asked: tuple[str, ...]
    """Properties of which an item needs one."""
    wanted: tuple[str, ...]
    """Properties whose claims are read: links, asked ones, and what else the factory uses."""
    labels: tuple[str, ...]
    """Wikidata's label codes."""
    pictures: tuple[str, ...] = ()
    """Properties of which an item needs one, if only items with pictures are wanted."""


@dataclass
class SparqlDoor:
    """The SPARQL door: a `LookupDoor` on an endpoint."""

    endpoint: Endpoint
    scope: Scope
    batch: int = 50
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"sparql {self.endpoint.host}"

    @classmethod
    def open(
        cls, source: SparqlSource, scope: Scope, *, contact: str, private_hosts: Collection[str] = ()
    ) -> "SparqlDoor":
        """The door of a recipe's entry.

        Raises:
            UserError: the address is none, or wants a contact.
        """
        politeness = Politeness(pause_s=source.pause_s, timeout_s=source.timeout_s)
        endpoint = Endpoint(source.url, contact=contact, politeness=politeness, private_hosts=private_hosts)
        return cls(endpoint, scope, source.batch)

    def slices(self) -> list[Slice]:
        """The first slices: region by region, link by link."""
        scope = self.scope
        return list(slices(scope.regions, scope.links, scope.asked, scope.pictures))

    def find(self, slice: Slice) -> list[str]:
        """Ids of a slice's items, sorted; properties and lexemes are among them, and rejected later like in a dump.

        Raises:
            TooMuchError: the slice has to be split.
            UserError: the endpoint is down, or refuses to answer.
        """
        try:
            found = {rdf.local_name(row["item"]) for row in self._ask(slice.query())}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._odd() from error
        if not all(_ENTITY_ID.fullmatch(name) for name in found):
            raise self._odd()
        return sorted(found, key=lambda name: (len(name), name))

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, dict]]:
        """Each id asked with its document; batches that are too much are halved, down to single items.

        Raises:
            UserError: the endpoint is down, or refuses to answer.
        """
        for start in range(0, len(ids), self.batch):
            yield from self._batch(ids[start : start + self.batch])

    def _batch(self, ids: Sequence[str]) -> Iterator[tuple[str, dict]]:
        try:
            found = rdf.documents(self._ask, ids, sorted(set(self.scope.wanted)), sorted(set(self.scope.labels)))
        except TooMuchError:
            if len(ids) == 1:
                yield ids[0], {"id": ids[0], "error": CUT_OFF}
                return
            half = len(ids) // 2
            yield from self._batch(ids[:half])
            yield from self._batch(ids[half:])
            return
        except (KeyError, TypeError, AttributeError) as error:
            raise self._odd() from error
        yield from ((name, found[name]) for name in ids)

    def _ask(self, query: str) -> list[Row]:
        return self.endpoint.select(query)

    def _odd(self) -> UserError:
        return UserError(f"{self.endpoint.host} does not answer as a server with Wikidata's RDF: check the door's url")
