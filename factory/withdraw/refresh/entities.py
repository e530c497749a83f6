"""Entities and claims of the store: deleted, merged, deprecated, gone or limited on the Wikibase."""

import datetime
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from factory.entities.sources.api import BATCH, MAX_BYTES, UNKNOWN_ID, languages_form
from factory.net.client import Client
from factory.net.errors import RESUME, FetchError
from factory.net.responses import mediawiki
from factory.reference.properties import properties
from factory.store.store import Store
from factory.wikidata.entity import Entity, MalformedDocumentError, read_entity
from factory.wikidata.values import by_number
from factory.withdraw.refresh.findings import Finding, Progress, proposal
from pangea_cultural.dataset.withdrawal import WithdrawnClaim, WithdrawnEntity
from pangea_cultural.errors import UserError
from pangea_cultural.reference.ids import OWN
from pangea_cultural.utils.console import Reporter

DELETED = "entity deleted"
GONE, DEPRECATED = "claim gone", "claim deprecated"
MERGED, LIMITED, CHANGED, UNREADABLE = "entity merged", "claim limited", "revision changed", "document not readable"
RENAMED = "label changed"
"""Notes: nothing is proposed."""
# Entities with an image, and the values of their facts. A wiki knows nothing about own entities.
ENTITIES = """
WITH used AS (
    SELECT entity FROM entity_image
    UNION SELECT unnest(right_values) FROM item
    UNION SELECT c.value FROM claim c JOIN asked a ON a.first_step = c.property AND a.second_step IS NOT NULL
          WHERE c.entity IN (SELECT entity FROM entity_image) AND c.best
)
SELECT entity, revision FROM entity SEMI JOIN used USING (entity) WHERE NOT starts_with(entity, $own)
"""
CLAIMS = """
SELECT entity, property, value FROM claim
WHERE best AND qualified = '' AND list_contains($properties, property)
  AND entity IN (SELECT unnest($entities::VARCHAR[]))
ORDER BY ALL
"""
LABELS = """
SELECT entity, language, text FROM label
WHERE source <> 'cldr' AND entity IN (SELECT unnest($entities::VARCHAR[])) ORDER BY ALL
"""
CODES = "SELECT DISTINCT language FROM label WHERE source <> 'cldr' ORDER BY ALL"
ASKED = "SELECT DISTINCT unnest([first_step, second_step]) FROM asked"


class EntityRefresh:
    """Compares the store with a Wikibase.

    Args:
        store: the store.
        client: an open client.
        api: URL of api.php.
        progress: what was answered before.
    """

    def __init__(self, store: Store, client: Client, api: str, progress: Progress) -> None:
        self._store, self._client, self._api, self._progress = store, client, api, progress
        asked = [name for (name,) in store.rows(ASKED) if name]
        self._properties = frozenset(asked or (step for row in properties().values() for step in row.path or (row.id,)))
        self._codes = tuple(code for (code,) in store.rows(CODES))
        self._year = datetime.datetime.now(datetime.UTC).year

    def run(self, reporter: Reporter) -> None:
        """Ask about all entities, fifty at a time. Documents are read only where the revision has changed.

        Raises:
            UserError: a request failed. Answers so far are kept.
        """
        revisions = dict(self._store.rows(ENTITIES, {"own": OWN}))
        left = by_number(revisions.keys() - self._progress.answered)
        with reporter.bar("refresh: entities", len(revisions), "entities") as bar:
            bar.advance(len(revisions) - len(left))
            batches = [left[start : start + BATCH] for start in range(0, len(left), BATCH)]
            tasks = (functools.partial(self._batch, batch, revisions) for batch in batches)
            for batch, heads, documents in self._client.run_concurrently(tasks):
                self._progress.add(batch, self._findings(batch, heads, documents))
                bar.advance(len(batch))

    async def _batch(
        self, ids: Sequence[str], revisions: dict[str, int | None]
    ) -> tuple[Sequence[str], dict[str, Any], dict[str, Any]]:
        """Return the asked ids, their heads, and the documents of those that have changed."""
        heads = await self._ask(ids, "info")
        changed = [
            name
            for name in ids
            if "missing" not in heads[name]
            and (revisions[name] is None or heads[name].get("lastrevid") != revisions[name])
        ]
        return ids, heads, await self._ask(changed, "info|claims|labels") if changed else {}

    async def _ask(self, ids: Sequence[str], props: str) -> dict[str, Any]:
        """Return the answer about each id. An id that is deleted has the key `missing`, and nothing else means that."""
        form = {
            **{"action": "wbgetentities", "format": "json", "ids": "|".join(ids), "props": props},
            **{"redirects": "yes", "maxlag": "5", **languages_form(self._codes)},
        }
        try:
            answer = await self._client.fetch(self._api, mediawiki(MAX_BYTES), body=form)
        except FetchError as error:
            if error.reason not in UNKNOWN_ID:
                raise UserError(f"No answer from {self._api}: {error.reason} ({error.detail}). {RESUME}") from error
            if len(ids) == 1:
                return {ids[0]: {"id": ids[0], "missing": ""}}
            half = len(ids) // 2
            return await self._ask(ids[:half], props) | await self._ask(ids[half:], props)
        documents = answer.get("entities")
        entries = (
            [entry for entry in documents.values() if isinstance(entry, dict)] if isinstance(documents, dict) else []
        )
        by_id = {str(entry.get("id")): entry for entry in entries}
        by_id |= {
            entry["redirects"].get("from"): entry for entry in entries if isinstance(entry.get("redirects"), dict)
        }
        by_id |= {key: entry for key, entry in (documents or {}).items() if key in ids and isinstance(entry, dict)}
        if unanswered := [name for name in ids if name not in by_id]:
            raise UserError(f"{self._api} does not answer about {unanswered[0]}. {RESUME}")
        return {name: by_id[name] for name in ids}

    def _findings(self, ids: Sequence[str], heads: dict[str, Any], documents: dict[str, Any]) -> list[Finding]:
        found = []
        for name in ids:
            head = heads[name]
            if "missing" in head:
                item = WithdrawnEntity(entity=name, reason=DELETED)
                found.append(Finding(subject=name, finding=DELETED, proposed=proposal(item)))
            elif head.get("id") != name:
                found.append(Finding(subject=name, finding=MERGED, detail=str(head.get("id"))))
        found += [Finding(subject=name, finding=CHANGED) for name in documents]
        current: dict[str, Entity] = {}
        for name, document in documents.items():
            try:
                current[name] = read_entity(document, self._properties, frozenset(self._codes), as_of=self._year)
            except MalformedDocumentError as error:
                found.append(Finding(subject=name, finding=UNREADABLE, detail=str(error)))
        return [*found, *self._claims(current), *self._labels(current)]

    def _labels(self, current: dict[str, Entity]) -> Iterator[Finding]:
        """Yield the labels of the store that changed documents do not have any more, such as reverted vandalism."""
        for name, code, text in self._store.rows(LABELS, {"entities": list(current)}):
            now = current[name].labels.get(code)
            if now != text:
                detail = f"{code}: {text}, now {now}" if now else f"{code}: {text}, now without a label"
                yield Finding(subject=name, finding=RENAMED, detail=detail)

    def _claims(self, current: dict[str, Entity]) -> Iterator[Finding]:
        """Yield the claims of the store that changed documents do not have any more."""
        parameters = {"entities": list(current), "properties": sorted(self._properties)}
        for name, property, value in self._store.rows(CLAIMS, parameters):
            same = [claim for claim in current[name].claims if (claim.property, claim.value) == (property, value)]
            item = WithdrawnClaim(entity=name, property=property, value=value)
            if not same or all(claim.rank == "deprecated" for claim in same):
                kind = DEPRECATED if same else GONE
                proposed = proposal(item.model_copy(update={"reason": kind}))
                yield Finding(subject=item.name, finding=kind, proposed=proposed)
            elif not any(claim.best and not claim.qualified for claim in same):
                yield Finding(
                    subject=item.name, finding=LIMITED, detail=same[0].qualified or "another value is preferred"
                )
