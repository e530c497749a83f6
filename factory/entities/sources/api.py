"""The source of the entity API: documents by id, fifty a call (`wbgetentities`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from factory.net.client import Client
from factory.net.errors import RESUME, FetchError
from factory.net.responses import mediawiki
from factory.wikidata.entity import COMMONS
from factory.wikidata.values import by_number
from pangea_cultural.errors import UserError

BATCH = 50
"""What the API gives at most to callers without the bot right."""
MAX_BYTES = 256_000_000
"""Of an answer: fifty of Wikidata's largest documents."""
UNKNOWN_ID = ("API error: no-such-entity", "API error: invalid-entity-id")


@dataclass(frozen=True)
class Listed:
    """The one slice of this source: the ids that the recipe lists."""

    key: str = "listed"
    whole: str = key

    def split(self) -> list["Listed"]:
        """A list has no parts."""
        return []


class ApiSource:
    """Entity documents from a Wikibase's API.

    Args:
        client: fetches, politely.
        url: the API, ending in api.php.
        ids: what to read; more can be asked for (values).
        languages: label codes; others need not travel.
        name: stands in the store as the place that rows came from.
    """

    def __init__(self, client: Client, url: str, *, ids: Sequence[str], languages: Sequence[str], name: str) -> None:
        self._client = client
        self._url = url
        self._ids = by_number(ids)
        self._languages = "|".join(sorted(languages))
        self.name = name

    def slices(self) -> list[Listed]:
        """The list of the recipe."""
        return [Listed()] if self._ids else []

    def find(self, slice: Listed) -> list[str]:
        """The ids of the list."""
        return self._ids

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Every id with its document; redirects are followed, and deleted ones say that they are missing."""
        for begin in range(0, len(ids), BATCH):
            part = ids[begin : begin + BATCH]
            found = self._ask(part)
            yield from ((name, found.get(name, {"id": name, "missing": ""})) for name in part)

    def _ask(self, ids: Sequence[str]) -> dict[str, Any]:
        form = {
            "action": "wbgetentities",
            "format": "json",
            "ids": "|".join(ids),
            "props": "info|labels|claims|sitelinks",
            "sitefilter": COMMONS,
            "languages": self._languages,
            "redirects": "yes",
            "maxlag": "5",
        }
        try:
            answer = self._client.run(self._client.fetch(self._url, mediawiki(MAX_BYTES), body=form))
        except FetchError as error:
            return self._ask_by_halves(ids, error)
        documents = answer.get("entities")
        if not isinstance(documents, dict):
            raise UserError(f"{self._url} does not answer as an entity API: check the source's url")
        # A redirected document stands under the id that was asked for, or under its target's with a note.
        noted = {d["redirects"].get("from"): d for d in documents.values() if isinstance(d, dict) and "redirects" in d}
        return documents | noted

    def _ask_by_halves(self, ids: Sequence[str], error: FetchError) -> dict[str, Any]:
        """One id that the API does not know spoils the whole call: look for it, and call it missing."""
        if error.reason not in UNKNOWN_ID:
            raise UserError(f"no answer from {self._url}: {error.reason} ({error.detail}). {RESUME}") from error
        if len(ids) == 1:
            return {}
        half = len(ids) // 2
        return self._ask(ids[:half]) | self._ask(ids[half:])
