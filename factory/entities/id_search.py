"""Search for the ids of a lookup source, slice by slice.

A slice that is too large for the server is split and never counts as empty. A slice of which no part is answered is
abandoned.
"""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from factory.entities.base import STAGE, IncompleteAnswerError, LookupSource, Slice
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter

MAX_CONSECUTIVE_TIMEOUTS = 8
"""Consecutive failed queries after which a slice is abandoned. By then, the query for a thousandth of the ids (by three
last digits) has failed as well. The others would be a thousand queries of a minute each.
"""
# States of a slice.
ABANDONED = "abandoned"
DONE = "done"
FAILED = "failed"
SPLIT = "split"
# Reasons of rejections.
SLICE_ABANDONED = f"slice abandoned: {MAX_CONSECUTIVE_TIMEOUTS} queries without an answer"
SLICE_TOO_LARGE = "slice too large and not divisible"

REMEDY = "Found ids are kept. Read a dump or ask another endpoint for the rest."


def find(store: Store, source: LookupSource, reporter: Reporter) -> None:
    """Write the ids of a source to the table `candidate`. Slices of an earlier run are not asked again."""
    search = _Search(store, source, reporter)
    waiting: list[Slice] = list(source.slices())
    with reporter.bar(f"find: {source.name}", len(waiting), "slices") as bar:
        while waiting:
            parts = search.ask(waiting.pop(0))
            waiting[:0] = parts
            bar.grow(len(parts))
            bar.advance()


class _Search:
    """State of the search in one source."""

    def __init__(self, store: Store, source: LookupSource, reporter: Reporter) -> None:
        self._store, self._source, self._reporter = store, source, reporter
        self._state = dict(store.rows("SELECT slice, state FROM slice WHERE source = ?", [source.name]))
        self._timeouts: Counter[str] = Counter()
        """Consecutive timeouts by undivided slice. A resumed run counts them again from the states."""

    def ask(self, slice: Slice) -> Sequence[Slice]:
        """Find a slice's ids unless that is done. Return the parts to ask instead, if there are any."""
        if self._state.get(slice.undivided_key) == ABANDONED:
            return []
        if slice.key not in self._state:
            self._state[slice.key] = self._find(slice)
        if self._state[slice.key] == DONE:
            self._timeouts[slice.undivided_key] = 0
            return []
        self._timeouts[slice.undivided_key] += 1
        if self._timeouts[slice.undivided_key] < MAX_CONSECUTIVE_TIMEOUTS:
            return slice.split()
        self._abandon(slice.undivided_key)
        return []

    def _find(self, slice: Slice) -> str:
        """Find and write the ids of a slice, and return its new state."""
        detail = ""
        try:
            ids, state = self._source.find(slice), DONE
        except IncompleteAnswerError as error:
            ids, state, detail = [], SPLIT if slice.split() else FAILED, str(error)
        with self._store.transaction():
            if ids:
                region = getattr(slice, "region", "")
                rows = {"source": [self._source.name] * len(ids), "region": [region] * len(ids), "entity": ids}
                self._store.append("candidate", pa.table(rows))
            if state == FAILED:
                self._store.reject(STAGE, slice.key, SLICE_TOO_LARGE, detail, unit="slice")
            self._store.execute("INSERT INTO slice VALUES (?, ?, ?)", [self._source.name, slice.key, state])
        return state

    def _abandon(self, key: str) -> None:
        with self._store.transaction():
            self._store.reject(STAGE, key, SLICE_ABANDONED, REMEDY, unit="slice")
            self._store.execute(
                "UPDATE slice SET state = ? WHERE source = ? AND slice = ?", [ABANDONED, self._source.name, key]
            )
        self._state[key] = ABANDONED
        self._reporter.note(f"find: {self._source.name}: abandoned {key}. {REMEDY}")
