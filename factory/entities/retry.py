"""Another attempt at what failed for a passing reason: slices and documents that an endpoint did not answer in time.

A build that is run again asks for them again, although the stage is done. If that adds anything, the later stages start
over. If the endpoints do not answer at all, everything stays as it was: a build can be repeated without a network.
"""

from typing import Any

import orjson

from factory.entities.base import STAGE
from factory.entities.id_search import DONE, SLICE_ABANDONED, SLICE_TOO_LARGE
from factory.store.store import Store
from factory.wikidata.entity import ANSWER_TRUNCATED

PASSING = (ANSWER_TRUNCATED, SLICE_ABANDONED, SLICE_TOO_LARGE)
"""Reasons that may not hold in another run."""
NOTE = "retried"
"""Key of the table `meta`: what is retried, until that has ended."""
FAILED_SLICES = """
SELECT DISTINCT source, slice, state FROM slice JOIN (SELECT unnest(?::VARCHAR[]) AS key)
ON slice = key OR starts_with(slice, key || ' *') WHERE state <> ? ORDER BY ALL
"""
CONTENT = """
SELECT (SELECT (count(*), bit_xor(hash(t))) FROM entity t), (SELECT (count(*), bit_xor(hash(t))) FROM claim t),
       (SELECT (count(*), bit_xor(hash(t))) FROM label t), (SELECT (count(*), bit_xor(hash(t))) FROM entity_region t)
"""


def reopen(store: Store) -> bool:
    """Prepare another attempt, if anything failed for a passing reason. Return whether that is so."""
    rows = store.rows(
        "SELECT item, reason, detail, unit FROM rejection WHERE stage = ? AND list_contains(?, reason) ORDER BY ALL",
        [STAGE, list(PASSING)],
    )
    if not rows:
        return False
    slices = store.rows(FAILED_SLICES, [[item for item, *_, unit in rows if unit], DONE])
    note: dict[str, Any] = {"content": _content(store), "rows": rows, "slices": slices}
    with store.transaction():
        store.execute("DELETE FROM rejection WHERE stage = ? AND list_contains(?, reason)", [STAGE, list(PASSING)])
        for source, key, _ in slices:
            store.execute("DELETE FROM slice WHERE source = ? AND slice = ?", [source, key])
        for item, _, source, unit in rows:
            if not unit:
                store.execute("DELETE FROM read_document WHERE source = ? AND entity = ?", [source, item])
                store.execute("UPDATE stage SET inputs = inputs - 1 WHERE name = ?", [f"{STAGE} {source}"])
        store.execute("UPDATE stage SET done = false WHERE name = ?", [STAGE])
        note["progress"] = _progress(store)
        store.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [NOTE, orjson.dumps(note).decode()])
    return True


def restore(store: Store) -> bool:
    """Restore the state before an attempt that an endpoint did not answer. Return whether that is possible.

    If a part was answered, the attempt is resumed by the next run.
    """
    note = _note(store)
    if note is None or note["progress"] != _progress(store):
        return False
    with store.transaction():
        store.execute("DELETE FROM rejection WHERE stage = ? AND list_contains(?, reason)", [STAGE, list(PASSING)])
        store.execute(
            "DELETE FROM slice WHERE state <> ? AND slice IN (SELECT unnest(?::VARCHAR[]))",
            [DONE, [key for _, key, _ in note["slices"]]],
        )
        for row in note["slices"]:
            store.execute("INSERT INTO slice VALUES (?, ?, ?)", row)
        for item, reason, detail, unit in note["rows"]:
            store.reject(STAGE, item, reason, detail, unit=unit)
            if not unit:
                store.execute("INSERT INTO read_document VALUES (?, ?)", [detail, item])
                store.execute("UPDATE stage SET inputs = inputs + 1 WHERE name = ?", [f"{STAGE} {detail}"])
        store.execute("UPDATE stage SET done = true WHERE name = ?", [STAGE])
        end(store)
    return True


def has_changed(store: Store) -> bool:
    """Return whether an attempt has added anything. The caller removes the note with `end`."""
    note = _note(store)
    return note is not None and note["content"] != _content(store)


def end(store: Store) -> None:
    """Remove the note of an attempt."""
    store.execute("DELETE FROM meta WHERE key = ?", [NOTE])


def _note(store: Store) -> dict[str, Any] | None:
    text = store.value("SELECT value FROM meta WHERE key = ?", [NOTE])
    return None if text is None else orjson.loads(text)


def _progress(store: Store) -> list[int]:
    """Return the numbers of answered slices and of documents read."""
    answered = store.value("SELECT count(*) FROM slice WHERE state = ?", [DONE])
    return [answered, store.value("SELECT count(*) FROM read_document")]


def _content(store: Store) -> str:
    return str(store.rows(CONTENT))
