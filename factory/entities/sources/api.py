"""Entity API source: documents by id, fifty per call (`wbgetentities`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from factory.net.client import Client
from factory.net.errors import RESUME, FetchError
from factory.net.responses import API_ERROR, mediawiki
from factory.wikidata.entity import COMMONS
from factory.wikidata.values import by_number
from pangea_cultural.errors import UserError

BATCH = 50
"""Largest number of documents per call for clients without the bot right."""
MAX_LANGUAGES = 50
"""Largest number of label codes of a call. The 39 languages with templates have 51."""
MAX_BYTES = 256_000_000
"""Size limit of a response, enough for fifty of Wikidata's largest documents."""
UNKNOWN_ID = (API_ERROR.format("no-such-entity"), API_ERROR.format("invalid-entity-id"))


def languages_form(codes: Sequence[str]) -> dict[str, str]:
    """Return the field that asks for labels in some languages. All languages are asked for beyond the API's limit."""
    return {"languages": "|".join(sorted(codes))} if len(codes) <= MAX_LANGUAGES else {}


@dataclass(frozen=True)
class ListSlice:
    """The only slice of this source: the ids in the recipe."""

    key: str = "listed"
    undivided_key: str = key

    def split(self) -> list["ListSlice"]:
        """Return nothing: a list is not divisible."""
        return []


class ApiSource:
    """Entity documents from a Wikibase's API.

    Args:
        client: the HTTP client.
        url: address of the API, ending in api.php.
        ids: ids to read. Documents of other ids (values) are available as well.
        languages: label codes to request.
        name: name of the source in the store.
    """

    def __init__(self, client: Client, url: str, *, ids: Sequence[str], languages: Sequence[str], name: str) -> None:
        self._client = client
        self._url = url
        self._ids = by_number(ids)
        self._languages = languages_form(languages)
        self.name = name

    def slices(self) -> list[ListSlice]:
        """Return the one slice, or nothing if the list is empty."""
        return [ListSlice()] if self._ids else []

    def find(self, slice: ListSlice) -> list[str]:
        """Return the ids of the list."""
        return self._ids

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield every id with its document. Redirects are followed, and deleted documents have the key `missing`."""
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            documents = self._ask(batch)
            yield from ((name, documents.get(name, {"id": name, "missing": ""})) for name in batch)

    def _ask(self, ids: Sequence[str]) -> dict[str, Any]:
        form = {
            "action": "wbgetentities",
            "format": "json",
            "ids": "|".join(ids),
            "props": "info|labels|claims|sitelinks",
            "sitefilter": COMMONS,
            "redirects": "yes",
            "maxlag": "5",
            **self._languages,
        }
        try:
            answer = self._client.run(self._client.fetch(self._url, mediawiki(MAX_BYTES), body=form))
        except FetchError as error:
            return self._ask_by_halves(ids, error)
        documents = answer.get("entities")
        if not isinstance(documents, dict):
            raise UserError(f"{self._url} does not answer as an entity API. Check the source's url.")
        # A redirected document has the requested id as key, or its target's id and a note.
        noted = {d["redirects"].get("from"): d for d in documents.values() if isinstance(d, dict) and "redirects" in d}
        return documents | noted

    def _ask_by_halves(self, ids: Sequence[str], error: FetchError) -> dict[str, Any]:
        """Ask again in halves: one id that the API does not know fails the call. It counts as missing."""
        if error.reason not in UNKNOWN_ID:
            raise UserError(f"No answer from {self._url}: {error.reason} ({error.detail}). {RESUME}") from error
        if len(ids) == 1:
            return {}
        half = len(ids) // 2
        return self._ask(ids[:half]) | self._ask(ids[half:])
