"""Selecting on all cores: batches of lines go to worker processes, their rows come back in order."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from factory.entities.base import Batch
from factory.entities.entity_rows import EntityRows, EntityRowsBuilder
from factory.entities.selector import Selector
from factory.entities.sources import dump
from factory.entities.sources.decompress import num_cores
from pangea_cultural.utils.process_pool import pool

SMALL_BYTES = 256 << 20
"""Less text than this is parsed sooner than worker processes start."""
FEW_CORES = 2
"""With so many the decompressor and the reader are busy enough: one process parses faster than .bz2 comes."""

_selector: Selector
"""A worker process's own, set once."""


class Workers:
    """Worker processes that select; none is started for small dumps.

    They are spawned: a script that uses them needs the usual `if __name__ == "__main__"`.
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
        """The rows of each batch, in the batches' order.

        Args:
            source: stands in the rows as the place that they came from.
            batches: read as workers become free, so that memory stays constant.
        """
        under_way: deque[tuple[Batch, Future[EntityRows]]] = deque()
        num_bytes = 0
        for batch in batches:
            num_bytes += sum(len(text) for _, text in batch.lines) + sum(len(names.labels) for names in batch.skipped)
            if self._pool is None and (num_bytes < SMALL_BYTES or num_cores() <= FEW_CORES):
                yield batch, select(self._selector, source, batch)
                continue
            under_way.append((batch, self._started().submit(_select, source, batch)))
            if len(under_way) > 2 * num_cores():
                yield _first(under_way)
        while under_way:
            yield _first(under_way)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = pool(num_cores(), _begin, self._selector)
        return self._pool


def select(selector: Selector, source: str, batch: Batch) -> EntityRows:
    """The rows of some lines of a dump."""
    rows, scope = EntityRowsBuilder(source), selector.scope
    for number, text in batch.lines:
        selector.add(dump.parse(number, text, scope.read_properties, scope.label_codes), rows)
    for names in batch.skipped:
        selector.add_skipped(names, rows)
    return rows.finish()


def _first(under_way: "deque[tuple[Batch, Future[EntityRows]]]") -> tuple[Batch, EntityRows]:
    batch, future = under_way.popleft()
    return batch, future.result()


def _begin(selector: Selector) -> None:
    global _selector
    _selector = selector


def _select(source: str, batch: Batch) -> EntityRows:
    return select(_selector, source, batch)
