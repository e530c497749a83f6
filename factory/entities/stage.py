"""Stage `select`: documents of all sources become rows of the store, followed by the documents of their values.

An interrupted build resumes at its last batch.
"""

from collections.abc import Sequence

import pyarrow as pa

from factory.entities import birthplace_links, id_search, kinds, value_entities
from factory.entities.base import BROKEN_LINE, STAGE, DocumentLine, LookupSource, StreamSource
from factory.entities.entity_rows import EntityRows, EntityRowsBuilder
from factory.entities.parallel import Workers
from factory.entities.selector import SEEN_BEFORE, Selector
from factory.entities.sources.config import SourceConfig
from factory.entities.sources.open import open_sources
from factory.entities.value_entities import BATCH_IDS
from factory.net.config import NetworkConfig
from factory.scope import Scope
from factory.store.store import Store
from factory.wikidata import region_names
from factory.wikidata.entity import NOT_AN_ENTITY
from factory.wikidata.values import by_number
from pangea_cultural.errors import UserError
from pangea_cultural.reference.ids import is_own
from pangea_cultural.reference.languages import language
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.garbage import rare_collections

MEGA = 1_000_000
NOT_SAMPLED = "not sampled: per_region"
"""Reason to reject entities over a source's limit per region."""
SAMPLE = """
SELECT entity, row_number() OVER (PARTITION BY region ORDER BY md5(concat_ws('|', $1, entity)), entity) <= $3
FROM (SELECT DISTINCT region, entity FROM candidate WHERE source = $2)
"""


def run(
    store: Store, configs: Sequence[SourceConfig], network: NetworkConfig, scope: Scope, reporter: Reporter
) -> tuple[int, int]:
    """Select entities from all sources and look up their values. Return the numbers of documents read and selected."""
    selector = Selector(scope)
    with open_sources(configs, network, scope, store.scratch) as sources, Workers(selector) as workers:
        reader = _SourceReader(store, selector, workers, reporter, seed=scope.seed)
        for source in sources:
            if isinstance(source, LookupSource):
                reader.look_up(source)
            else:
                reader.stream(source)
        value_entities.look_up(store, selector, sources, reporter)
    inputs = store.value("SELECT coalesce(sum(inputs), 0)::BIGINT FROM stage WHERE starts_with(name, 'select ')")
    if not inputs:
        raise _nothing_read(store, ", ".join(source.name for source in sources))
    _require_documents(store, inputs)
    birthplace_links.link(store, selector)
    kinds.find(store, selector)
    _add_region_names(store, scope)
    return inputs, store.value("SELECT count(*) FROM entity WHERE selected")


def _nothing_read(store: Store, names: str) -> UserError:
    rows = store.rows("SELECT item, reason, detail FROM rejection WHERE stage = ? AND unit = 'row' LIMIT 1", [STAGE])
    if not rows:
        return UserError(f"No document in {names}. Check the recipe's sources and regions.")
    item, reason, detail = rows[0]
    more = f" ({detail})" if detail else ""
    return UserError(f"No usable row in {names}: {item}: {reason}{more}. Run `pcult data reject-reasons --list`.")


def _require_documents(store: Store, inputs: int) -> None:
    """Refuse sources of other data, such as a table or a log. Their lines are all broken.

    Raises:
        UserError: none of the inputs is an entity document.
    """
    query = "SELECT coalesce(sum(items), 0) FROM rejection WHERE stage = ? AND list_contains(?, reason)"
    if store.value(query, [STAGE, [BROKEN_LINE, NOT_AN_ENTITY]]) == inputs:
        line, detail = store.rows("SELECT item, detail FROM rejection WHERE stage = ? LIMIT 1", [STAGE])[0]
        raise UserError(
            f"None of the {inputs:,} documents is one of Wikidata ({line}: {detail or NOT_AN_ENTITY}). "
            "Check the recipe's sources."
        )


class _SourceReader:
    """Reads sources into the store."""

    def __init__(self, store: Store, selector: Selector, workers: Workers, reporter: Reporter, *, seed: int) -> None:
        self.store, self.selector, self.workers, self.reporter = store, selector, workers, reporter
        self.seed = str(seed)
        self.known = {_short(name) for (name,) in store.rows("SELECT entity FROM entity WHERE selected")}

    def stream(self, source: StreamSource) -> None:
        """Read a source from its last position to its end, one batch per transaction."""
        start, name = self._position(source.name), f"{STAGE} {source.name}"
        if self.store.value("SELECT done FROM stage WHERE name = ?", [name]):
            return  # the stage is repeated for another source
        megabytes = documents = 0
        with rare_collections(), self.reporter.bar(f"select: {source.name}", source.size_bytes // MEGA, "MB") as bar:
            batches = source.batches(self.selector.is_candidate, start=start)
            for batch, rows in self.workers.select(source.name, batches):
                self._write(rows, source.name, batch.last)
                documents += rows.inputs
                bar.advance(batch.bytes_read // MEGA - megabytes, extra=f"{documents:,} documents")
                megabytes = batch.bytes_read // MEGA
        self.store.execute("UPDATE stage SET done = true WHERE name = ?", [name])

    def look_up(self, source: LookupSource) -> None:
        """Find a source's ids slice by slice, then read their documents."""
        self._position(source.name)
        id_search.find(self.store, source, self.reporter)
        ids = self._sample(source)
        read = {row[0] for row in self.store.rows("SELECT entity FROM read_document WHERE source = ?", [source.name])}
        unread = [name for name in ids if name not in read]
        with self.reporter.bar(f"select: {source.name}", len(ids), "documents") as bar:
            bar.advance(len(ids) - len(unread))
            for start in range(0, len(unread), BATCH_IDS):
                batch, position = unread[start : start + BATCH_IDS], len(read) + start
                rows = EntityRowsBuilder(source.name)
                for number, (asked, document) in enumerate(source.documents(batch), position + 1):
                    self.selector.add(DocumentLine(number, document, asked=asked, detail=source.name), rows)
                self._write(rows.build(), source.name, position + len(batch), asked=batch)
                bar.advance(len(batch))

    def _sample(self, source: LookupSource) -> list[str]:
        """Return the ids of the documents to read: all, or a sample by hash of each region."""
        limit = getattr(source, "per_region", 0) or 2**31
        rows = self.store.rows(SAMPLE, [self.seed, source.name, limit])
        sample = by_number(name for name, is_sampled in rows if is_sampled)
        rest = len({name for name, _ in rows}) - len(sample)
        stage = f"{STAGE} {source.name}"
        # Counted once, before the first document.
        if rest and self.store.value("SELECT inputs FROM stage WHERE name = ?", [stage]) == 0:
            with self.store.transaction():
                self.store.reject(STAGE, source.name, NOT_SAMPLED, items=rest)
                self.store.execute("UPDATE stage SET inputs = ? WHERE name = ?", [rest, stage])
        return sample

    def _position(self, source: str) -> int:
        """Return the position of a source, after making its row in the table of stages."""
        name = f"{STAGE} {source}"
        self.store.execute("INSERT OR IGNORE INTO stage (name, fingerprint, inputs) VALUES (?, '', 0)", [name])
        return self.store.value("SELECT position FROM stage WHERE name = ?", [name])

    def _write(self, rows: EntityRows, source: str, position: int, *, asked: Sequence[str] = ()) -> None:
        entities = rows.entities()
        rows.drop({name for name in entities if _short(name) in self.known}, SEEN_BEFORE)
        with self.store.transaction():
            rows.write(self.store, STAGE)
            if asked:
                self.store.append("read_document", pa.table({"source": [source] * len(asked), "entity": list(asked)}))
            self.store.execute(
                "UPDATE stage SET position = ?, inputs = inputs + ? WHERE name = ?",
                [position, rows.inputs, f"{STAGE} {source}"],
            )
        self.known.update(map(_short, entities))


def _short(name: str) -> int | str:
    """Return the number of an item of Wikidata: numbers need 60 bytes per entity, less than texts."""
    return name if is_own(name) else int(name[1:])


def _add_region_names(store: Store, scope: Scope) -> None:
    """Add the regions' CLDR names in the languages in which no source had a label."""
    labeled = {(row[0], row[1]) for row in store.rows("SELECT entity, language FROM label")}
    rows = [
        {"entity": qid, "language": row.labels[0], "text": text, "source": "cldr"}
        for row in map(language, scope.languages)
        for qid, _, text in region_names.region_names([row])
        if not any((qid, code) in labeled for code in row.labels)
    ]
    if rows:
        with store.transaction():
            store.append("label", pa.Table.from_pylist(rows))
