"""SPARQL source: ids slice by slice, then documents."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from factory.entities.base import IncompleteAnswerError
from factory.entities.sources.sparql import documents as rdf
from factory.entities.sources.sparql.documents import Row
from factory.entities.sources.sparql.endpoint import Endpoint
from factory.entities.sources.sparql.slices import Slice, slices
from factory.wikidata.entity import ANSWER_TRUNCATED
from factory.wikidata.values import by_number
from pangea_cultural.errors import UserError
from pangea_cultural.reference.regions import Region

MAX_COUNT = 10**15
"""Largest number of items that counts as an answer. Ids have at most 15 digits."""
_ENTITY_ID = re.compile("[A-Z][1-9][0-9]{0,14}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchScope:
    """Regions, properties and languages of the queries."""

    regions: tuple[Region, ...]
    links: tuple[str, ...]
    """Properties that link an item to a region, or a path of two properties."""
    asked: tuple[str, ...]
    """Properties of which an item needs at least one."""
    wanted: tuple[str, ...]
    """Properties whose claims are read: links, asked properties, and others that the factory uses."""
    labels: tuple[str, ...]
    """Label codes of Wikidata."""
    images: tuple[str, ...] = ()
    """Image properties of which an item needs at least one. None is needed if it is empty (see slices.py)."""


@dataclass
class SparqlSource:
    """Ids and documents from a SPARQL endpoint, a `LookupSource`."""

    endpoint: Endpoint
    scope: SearchScope
    name: str
    """Name of the source in the store."""
    batch: int = 50
    """Number of items per query for documents."""
    per_region: int = 0
    """Limit of documents per region, 0 for no limit."""

    def slices(self) -> list[Slice]:
        """Return the first slices, by region and link."""
        scope = self.scope
        return list(slices(scope.regions, scope.links, scope.asked, scope.images))

    def find(self, slice: Slice) -> list[str]:
        """Return the sorted ids of a slice. Properties and lexemes among them are rejected later, as in a dump.

        Raises:
            IncompleteAnswerError: the slice must be split.
            UserError: the endpoint is down or refuses to answer.
        """
        try:
            ids = {rdf.local_name(row["item"]) for row in self._ask(slice.query())}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._other_data() from error
        if not all(_ENTITY_ID.fullmatch(name) for name in ids):
            raise self._other_data()
        return by_number(ids)

    def count(self, slice: Slice) -> int:
        """Return the number of items of a slice.

        Raises:
            IncompleteAnswerError: the server cannot count them in time.
            UserError: the endpoint is down or refuses to answer.
        """
        try:
            number = int(self._ask(slice.count_query())[0]["n"]["value"])
            if not 0 <= number <= MAX_COUNT:
                raise ValueError(number)
            return number
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise self._other_data() from error

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each id with its document. Batches that are too large are halved, down to single items.

        Raises:
            UserError: the endpoint is down or refuses to answer.
        """
        for start in range(0, len(ids), self.batch):
            yield from self._batch(ids[start : start + self.batch])

    def _batch(self, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            documents = rdf.documents(self._ask, ids, sorted(set(self.scope.wanted)), sorted(set(self.scope.labels)))
        except IncompleteAnswerError:
            if len(ids) == 1:
                yield ids[0], {"id": ids[0], "error": ANSWER_TRUNCATED}
                return
            half = len(ids) // 2
            yield from self._batch(ids[:half])
            yield from self._batch(ids[half:])
            return
        except (KeyError, TypeError, AttributeError) as error:
            raise self._other_data() from error
        yield from ((name, documents[name]) for name in ids)

    def _ask(self, query: str) -> list[Row]:
        return self.endpoint.select(query)

    def _other_data(self) -> UserError:
        return UserError(f"{self.endpoint.host} does not answer with Wikidata's RDF. Check the source's url.")
