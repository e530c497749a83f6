"""Stage `select`: documents of all sources become rows of the store, followed by the documents of their values.

An interrupted build resumes at its last batch.
"""

from collections.abc import Sequence

import pyarrow as pa

from factory.entities import birthplace_links, id_search, value_entities
from factory.entities.base import STAGE, DocumentLine, LookupSource, StreamSource
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
from factory.wikidata.values import by_number
from pangea_cultural.reference.languages import language
from pangea_cultural.utils.console import Reporter

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
    with open_sources(configs, network, scope) as sources, Workers(selector) as workers:
        reader = _SourceReader(store, selector, workers, reporter, seed=scope.seed)
        for source in sources:
            if isinstance(source, LookupSource):
                reader.look_up(source)
            else:
                reader.stream(source)
        value_entities.look_up(store, selector, sources, reporter)
    birthplace_links.link(store, selector)
    _add_region_names(store, scope)
    inputs = store.value("SELECT coalesce(sum(inputs), 0)::BIGINT FROM stage WHERE starts_with(name, 'select ')")
    return inputs, store.value("SELECT count(*) FROM entity WHERE selected")


class _SourceReader:
    """Reads sources into the store."""

    def __init__(self, store: Store, selector: Selector, workers: Workers, reporter: Reporter, *, seed: int) -> None:
        self.store, self.selector, self.workers, self.reporter = store, selector, workers, reporter
        self.seed = str(seed)
        # Numbers need 60 bytes per entity, less than texts.
        self.known = {int(row[0][1:]) for row in store.rows("SELECT entity FROM entity WHERE selected")}

    def stream(self, source: StreamSource) -> None:
        """Read a source from its last position to its end, one batch per transaction."""
        start = self._position(source.name)
        megabytes = documents = 0
        with self.reporter.bar(f"select: {source.name}", source.size_bytes // MEGA, "MB") as bar:
            batches = source.batches(self.selector.is_candidate, start=start)
            for batch, rows in self.workers.select(source.name, batches):
                self._write(rows, f"{STAGE} {source.name}", batch.last)
                documents += rows.inputs
                bar.advance(batch.bytes_read // MEGA - megabytes, extra=f"{documents:,} documents")
                megabytes = batch.bytes_read // MEGA

    def look_up(self, source: LookupSource) -> None:
        """Find a source's ids slice by slice, then read their documents."""
        self._position(source.name)
        id_search.find(self.store, source, self.reporter)
        position = self._position(source.name)
        ids = self._sample(source)
        with self.reporter.bar(f"select: {source.name}", len(ids), "documents") as bar:
            bar.advance(position)
            for start in range(position, len(ids), BATCH_IDS):
                batch = ids[start : start + BATCH_IDS]
                rows = EntityRowsBuilder(source.name)
                for number, (asked, document) in enumerate(source.documents(batch), start + 1):
                    self.selector.add(DocumentLine(number, document, asked=asked), rows)
                self._write(rows.build(), f"{STAGE} {source.name}", start + len(batch))
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

    def _write(self, rows: EntityRows, stage: str, position: int) -> None:
        entities = rows.entities()
        rows.drop({name for name in entities if int(name[1:]) in self.known}, SEEN_BEFORE)
        with self.store.transaction():
            rows.write(self.store, STAGE)
            self.store.execute(
                "UPDATE stage SET position = ?, inputs = inputs + ? WHERE name = ?", [position, rows.inputs, stage]
            )
        self.known.update(int(name[1:]) for name in entities)


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
