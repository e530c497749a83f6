"""The SPARQL source: asked for ids slice by slice, then for their documents."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from factory.entities.base import IncompleteAnswerError
from factory.entities.sources.sparql import documents as rdf
from factory.entities.sources.sparql.documents import Row
from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.slices import Slice, slices
from factory.wikidata.values import by_number
from pangea_cultural.errors import UserError
from pangea_cultural.reference.regions import Region

CUT_OFF = "answer cut off"
_ENTITY_ID = re.compile("[A-Z][1-9][0-9]{0,14}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchScope:
    """What a source is asked for."""

    regions: tuple[Region, ...]
    links: tuple[str, ...]
    """Properties that link an item to a region; or a path of two, through another item."""
    asked: tuple[str, ...]
    """Properties of which an item needs one."""
    wanted: tuple[str, ...]
    """Properties whose claims are read: links, asked ones, and what else the factory uses."""
    labels: tuple[str, ...]
    """Wikidata's label codes."""
    images: tuple[str, ...] = ()
    """Of which an item needs one, if only items with images are wanted (see slices.py)."""


@dataclass
class SparqlSource:
    """The SPARQL source: a `LookupSource` on an endpoint."""

    endpoint: Endpoint
    scope: SearchScope
    name: str
    """Stands in the store as the place that rows came from."""
    batch: int = 50
    per_region: int = 0
    """Documents to read of each region at most; all where 0."""

    def slices(self) -> list[Slice]:
        """The first slices: region by region, link by link."""
        scope = self.scope
        return list(slices(scope.regions, scope.links, scope.asked, scope.images))

    def find(self, slice: Slice) -> list[str]:
        """Ids of a slice's items, sorted; properties and lexemes are among them, and rejected later like in a dump.

        Raises:
            IncompleteAnswerError: the slice has to be split.
            UserError: the endpoint is down, or refuses to answer.
        """
        try:
            found = {rdf.local_name(row["item"]) for row in self._ask(slice.query())}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._odd() from error
        if not all(_ENTITY_ID.fullmatch(name) for name in found):
            raise self._odd()
        return by_number(found)

    def count(self, slice: Slice) -> int:
        """How many items a slice has.

        Raises:
            IncompleteAnswerError: the server cannot tell in time.
            UserError: the endpoint is down, or refuses to answer.
        """
        try:
            return int(self._ask(slice.count_query())[0]["n"]["value"])
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise self._odd() from error

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
        except IncompleteAnswerError:
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
        return UserError(
            f"{self.endpoint.host} does not answer as a server with Wikidata's RDF: check the source's url"
        )
