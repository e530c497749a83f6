"""Selection on all cores: worker processes turn batches into rows, which come back in order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from factory.entities.base import Batch, DocumentLine
from factory.entities.entity_rows import EntityRows, EntityRowsBuilder
from factory.entities.selector import Selector
from factory.entities.sources import dump
from factory.entities.sources.decompress import num_cores
from pangea_cultural.reference import own_tables
from pangea_cultural.reference.own_tables import OwnTables
from pangea_cultural.utils.garbage import collect_rarely
from pangea_cultural.utils.process_pool import pool

SMALL_BYTES = 256 << 20
"""Amount of text that one process parses before worker processes have started."""
FEW_CORES = 2
"""Number of cores that decompressor and reader keep busy. One process parses faster than .bz2 is decompressed."""

_selector: Selector
"""The selector of a worker process, set once."""


class Workers:
    """Worker processes for selection. Small dumps start none.

    They are spawned, so a script that uses them needs `if __name__ == "__main__"`.
    """

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def select(self, source: str, batches: Iterable[Batch]) -> Iterator[tuple[Batch, EntityRows]]:
        """Yield the rows of each batch, in the order of the batches.

        Args:
            source: name of the batches' source.
            batches: read as workers become free, so that memory stays constant.
        """
        pending: deque[tuple[Batch, Future[EntityRows]]] = deque()
        num_bytes = 0
        for batch in batches:
            num_bytes += sum(len(text) for _, text in batch.lines)
            num_bytes += sum(len(entity.labels) for entity in batch.skipped)
            if self._pool is None and (num_bytes < SMALL_BYTES or num_cores() <= FEW_CORES):
                yield batch, select(self._selector, source, batch)
                continue
            pending.append((batch, self.start().submit(_select, source, batch)))
            if len(pending) > 2 * num_cores():
                yield _first(pending)
        while pending:
            yield _first(pending)

    def start(self) -> ProcessPoolExecutor:
        """Start the worker processes, if they are not running, and return their pool."""
        if self._pool is None:
            self._pool = pool(num_cores(), _initialize, self._selector, own_tables.current())
        return self._pool


def select(selector: Selector, source: str, batch: Batch) -> EntityRows:
    """Return the rows of a batch."""
    rows, scope = EntityRowsBuilder(source), selector.scope
    for number, text in batch.lines:
        selector.add(dump.parse(number, text, scope.read_properties, scope.label_codes), rows)
    for entity in batch.skipped:
        selector.add_skipped(entity, rows)
    for own in batch.own:
        selector.add(DocumentLine(own.number, own.entity, asked=own.entity.id), rows)
        rows.add_origins(own.origins)
        for value in own.values:
            rows.add_unselected(own.number, value, frozenset())
    for rejection in batch.rejections:
        rows.count(rejection)
    return rows.build()


def _first(pending: "deque[tuple[Batch, Future[EntityRows]]]") -> tuple[Batch, EntityRows]:
    batch, future = pending.popleft()
    return batch, future.result()


def _initialize(selector: Selector, tables: OwnTables) -> None:
    global _selector
    collect_rarely()
    own_tables.start(tables)
    _selector = selector


def _select(source: str, batch: Batch) -> EntityRows:
    return select(_selector, source, batch)
