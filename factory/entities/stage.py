"""The stage `select`: documents of all sources through the selector into the store, then those of their values.

A killed build goes on at the batch it was in.
"""

from collections.abc import Sequence

import pyarrow as pa

from factory.entities import birthplace_links, id_search, value_entities
from factory.entities.base import DocumentLine, LookupSource, StreamSource
from factory.entities.entity_rows import EntityRows, EntityRowsBuilder
from factory.entities.parallel import Workers
from factory.entities.selector import SEEN, Selector
from factory.entities.sources.config import SourceConfig
from factory.entities.sources.open import open_sources
from factory.entities.value_entities import BATCH_IDS, STAGE
from factory.net.config import Network
from factory.scope import Scope
from factory.store.store import Store
from factory.wikidata import region_names
from factory.wikidata.values import by_number
from pangea_cultural.reference.languages import language
from pangea_cultural.utils.console import Reporter

MEGA = 1_000_000


def run(
    store: Store, configs: Sequence[SourceConfig], network: Network, scope: Scope, reporter: Reporter
) -> tuple[int, int]:
    """Select entities from all sources, then look up their values. Returns how many documents went in and were kept."""
    selector = Selector(scope)
    with open_sources(configs, network, scope) as sources, Workers(selector) as workers:
        job = _Job(store, selector, workers, reporter, seed=scope.seed)
        for source in sources:
            if isinstance(source, LookupSource):
                job.look_up(source)
            else:
                job.stream(source)
        value_entities.look_up(store, selector, sources, reporter)
    birthplace_links.link(store, selector)
    _add_region_names(store, scope)
    inputs = store.value("SELECT coalesce(sum(inputs), 0)::BIGINT FROM stage WHERE starts_with(name, 'select ')")
    return inputs, store.value("SELECT count(*) FROM entity WHERE selected")


class _Job:
    """The reading of the sources: what every step needs."""

    def __init__(self, store: Store, selector: Selector, workers: Workers, reporter: Reporter, *, seed: int) -> None:
        self.store, self.selector, self.workers, self.reporter = store, selector, workers, reporter
        self.seed = str(seed)
        # As numbers: 60 bytes an entity.
        self.known = {int(row[0][1:]) for row in store.rows("SELECT entity FROM entity WHERE selected")}

    def stream(self, source: StreamSource) -> None:
        """Read a source to its end, a batch a transaction, from where a killed run has stopped."""
        start = self._start(source.name)
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
        self._start(source.name)
        id_search.find(self.store, source, self.reporter)
        start = self._start(source.name)
        ids = self._drawn(source)
        with self.reporter.bar(f"select: {source.name}", len(ids), "documents") as bar:
            bar.advance(start)
            for begin in range(start, len(ids), BATCH_IDS):
                part = ids[begin : begin + BATCH_IDS]
                rows = EntityRowsBuilder(source.name)
                for number, (asked, document) in enumerate(source.documents(part), begin + 1):
                    self.selector.add(DocumentLine(number, document, asked=asked), rows)
                self._write(rows.finish(), f"{STAGE} {source.name}", begin + len(part))
                bar.advance(len(part))

    def _drawn(self, source: LookupSource) -> list[str]:
        """Ids of the documents to read: all that were found, or so many of each region, drawn by a hash."""
        limit = getattr(source, "per_region", 0) or 2**31
        rows = self.store.rows(DRAWN, [self.seed, source.name, limit])
        drawn = by_number(name for name, chosen in rows if chosen)
        left = len({name for name, _ in rows}) - len(drawn)
        stage = f"{STAGE} {source.name}"
        # Counted once, before the first document is.
        if left and self.store.value("SELECT inputs FROM stage WHERE name = ?", [stage]) == 0:
            with self.store.transaction():
                self.store.execute(
                    "INSERT INTO rejection (stage, item, reason, items) VALUES (?, ?, 'not drawn: per_region', ?)",
                    [STAGE, source.name, left],
                )
                self.store.execute("UPDATE stage SET inputs = ? WHERE name = ?", [left, stage])
        return drawn

    def _start(self, source: str) -> int:
        """The position of a source, which gets a row of its own in the table of stages."""
        name = f"{STAGE} {source}"
        self.store.execute("INSERT OR IGNORE INTO stage (name, fingerprint, inputs) VALUES (?, '', 0)", [name])
        return self.store.value("SELECT position FROM stage WHERE name = ?", [name])

    def _write(self, rows: EntityRows, stage: str, position: int) -> None:
        found = rows.entities()
        rows.drop({name for name in found if int(name[1:]) in self.known}, SEEN)
        with self.store.transaction():
            rows.write(self.store, STAGE)
            self.store.execute(
                "UPDATE stage SET position = ?, inputs = inputs + ? WHERE name = ?", [position, rows.inputs, stage]
            )
        self.known.update(int(name[1:]) for name in found)


DRAWN = """
SELECT entity, row_number() OVER (PARTITION BY region ORDER BY md5(concat_ws('|', $1, entity)), entity) <= $3
FROM (SELECT DISTINCT region, entity FROM candidate WHERE source = $2)
"""


def _add_region_names(store: Store, scope: Scope) -> None:
    """Give regions their CLDR names in the languages in which no source had a label."""
    known = {(row[0], row[1]) for row in store.rows("SELECT entity, language FROM label")}
    rows = [
        {"entity": qid, "language": row.labels[0], "text": text, "source": "cldr"}
        for row in map(language, scope.languages)
        for qid, _, text in region_names.region_names([row])
        if not any((qid, code) in known for code in row.labels)
    ]
    if rows:
        with store.transaction():
            store.append("label", pa.Table.from_pylist(rows))
