"""A copy of a store's counts beside it, for people who watch a build: DuckDB refuses a second process."""

import contextlib
import datetime
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import orjson

from factory.store import statistics
from factory.store.store import Store, StoreInUseError
from pangea_cultural.utils.files import leftover_temporaries, read_json, write_json
from pangea_cultural.workspace import Workspace

PERIOD_S = 5.0
"""Shortest time between two copies."""
COST = 20
"""Time between two copies in units of the time that one takes, so that copies cost a build at most 5 %."""


class Snapshot:
    """Writes the copy after batches.

    Args:
        store: the store that a build writes to.
        path: the copy.
        stage_names: names of the stages in order.
    """

    def __init__(self, store: Store, path: Path, stage_names: Sequence[str]) -> None:
        self._store, self._path, self._stage_names = store, path, stage_names
        self._next = 0.0

    def update(self) -> None:
        """Write the copy, unless the last one is recent. A copy that cannot be written does not end a build."""
        began = time.monotonic()
        if began < self._next:
            return
        with contextlib.suppress(OSError, duckdb.Error):
            content = statistics.everything(self._store, self._stage_names)
            write_json(self._path, {"time": _now()} | content)
        ended = time.monotonic()
        self._next = ended + max(PERIOD_S, COST * (ended - began))

    def remove(self) -> None:
        """Remove the copy and leftovers of interrupted writes. Without a build, the store itself has the counts."""
        with contextlib.suppress(OSError):
            for path in (self._path, *leftover_temporaries(self._path)):
                path.unlink(missing_ok=True)


def store_or_copy(workspace: Workspace, counts: Callable[[Store], dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return counts of a store, or those of the copy with its time while another process builds.

    Args:
        workspace: has the store.
        counts: returns counts of a store, under the keys of the copy.

    Raises:
        UserError: there is no store, or it is in use and has no copy.
    """
    try:
        with Store.open(workspace.store, read_only=True) as store:
            return "", counts(store)
    except StoreInUseError:
        copy = read(workspace.counts)
        if copy is None:
            raise
        return copy.pop("time"), copy


def read(path: Path) -> dict[str, Any] | None:
    """Return the content of a copy, or None if there is none that can be read."""
    try:
        content = read_json(path)
    except (OSError, orjson.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
