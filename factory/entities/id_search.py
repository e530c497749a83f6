"""The search for a source's ids, slice by slice.

A slice that is too much for the server is split, and never taken as empty; one that gets no answer in any
part is given up.
"""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from factory.entities.base import IncompleteAnswerError, LookupSource, Slice
from factory.entities.value_entities import STAGE
from factory.store.store import Store
from pangea_cultural.utils.console import Reporter

MOST_TIMEOUTS = 8
"""In a row. By then a property of one region has been asked for whole and by one, two and three last digits of its ids:
a server that got nowhere with a thousandth will not with the others, which would be a thousand queries of a minute."""
GIVEN_UP = "given up"


def find(store: Store, source: LookupSource, reporter: Reporter) -> None:
    """Ask a source for its ids and keep them in `found`; what was asked in an earlier run is not asked again."""
    search = _Search(store, source, reporter)
    waiting: list[Slice] = list(source.slices())
    with reporter.bar(f"find: {source.name}", len(waiting), "slices") as bar:
        while waiting:
            parts = search.ask(waiting.pop(0))
            waiting[:0] = parts
            bar.grow(len(parts))
            bar.advance()


class _Search:
    """What has been asked of a source."""

    def __init__(self, store: Store, source: LookupSource, reporter: Reporter) -> None:
        self._store, self._source, self._reporter = store, source, reporter
        self._state = dict(store.rows("SELECT slice, state FROM slice WHERE source = ?", [source.name]))
        self._timeouts: Counter[str] = Counter()
        """In a row, by the whole slice; counted anew from the states in every run, to the same end."""

    def ask(self, slice: Slice) -> Sequence[Slice]:
        """Ask for a slice's ids, unless that was done; gives the parts to ask for instead, where there are some."""
        if self._state.get(slice.whole) == GIVEN_UP:
            return []
        if slice.key not in self._state:
            self._state[slice.key] = self._ask(slice)
        if self._state[slice.key] == "done":
            self._timeouts[slice.whole] = 0
            return []
        self._timeouts[slice.whole] += 1
        if self._timeouts[slice.whole] < MOST_TIMEOUTS:
            return slice.split()
        self._give_up(slice.whole)
        return []

    def _ask(self, slice: Slice) -> str:
        """The slice's state after its ids were asked for and kept."""
        try:
            ids = self._source.find(slice)
            state = "done"
        except IncompleteAnswerError as error:
            ids = []
            state = "split" if slice.split() else "failed"
            reason = str(error)
        with self._store.transaction():
            if ids:
                region = getattr(slice, "region", "")
                rows = {"source": [self._source.name] * len(ids), "region": [region] * len(ids), "entity": ids}
                self._store.append("candidate", pa.table(rows))
            if state == "failed":
                self._reject(slice.key, "slice too large however finely split", reason)
            self._store.execute("INSERT INTO slice VALUES (?, ?, ?)", [self._source.name, slice.key, state])
        return state

    def _give_up(self, whole: str) -> None:
        remedy = "what was found of it is kept; for the rest read a dump, or ask another endpoint"
        with self._store.transaction():
            self._reject(whole, f"slice given up: {MOST_TIMEOUTS} queries without an answer", remedy)
            self._store.execute(
                "UPDATE slice SET state = ? WHERE source = ? AND slice = ?", [GIVEN_UP, self._source.name, whole]
            )
        self._state[whole] = GIVEN_UP
        self._reporter.note(f"find: {self._source.name}: given up: {whole}: {remedy}")

    def _reject(self, item: str, reason: str, detail: str) -> None:
        self._store.execute(
            "INSERT INTO rejection (stage, item, reason, detail) VALUES (?, ?, ?, ?)", [STAGE, item, reason, detail]
        )
