"""Candidates for wrong options: for each item, answers of comparable items, in the order in which they are taken.

Every pair of an item and a value has a random number that depends on nothing else. An answer is drawn if its number is
low for the share that the answer should have. So an item or a value that is removed changes only the draws that had it,
and a few that take its share (permanent random numbers: Ohlsson, "Coordination of samples using permanent random
numbers", 1995).

A value should be a wrong option three times as often as it is an answer, and never beside itself. For a group with the
shares x of its answers, such draws are in proportion to weights a with a * (1 - a) = tau * x / 4 and the sum 1. The
numbers are compared by Pareto order sampling, which keeps such shares in samples of fixed size (Rosén, "On sampling
with probability proportional to size", 1997).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.stride_tricks import sliding_window_view

CANDIDATES = 9
"""Candidates of an item. Those after the third replace others that may be right, or have no name."""
GROUP_ITEMS = 128
"""Mean number of items in a group of a divided pool."""
MAX_VALUES = 128
"""Pools of more values are divided."""
WINDOW = 8
"""Times and quantities are compared with neighbors: a group begins at a step whose hash is the lowest of this many on
either side. It has 17 steps on average, and 17 values where each has its own step, as times have. A step that is
removed moves no beginning but those beside it."""
MAX_NEIGHBORS = 4 * WINDOW
BLOCK_ROWS = 4096
"""Items of a matrix."""
BISECTIONS = 60
OPTIONS = 3
NO_STEP = np.iinfo(np.int64).min
COLUMNS = ("item", "draw", "place", "turn")
EPSILON = 1e-12
_GOLDEN, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class _Group(NamedTuple):
    """Items that exchange their answers."""

    rows: np.ndarray
    """Positions of the items."""
    own: np.ndarray
    """Position of each item's answer in `places`."""
    places: np.ndarray
    """Numbers of the values."""
    weights: np.ndarray
    """Weights of the values in draws."""


def draw(items: pa.Table) -> pa.Table:
    """Return the candidates of items.

    Args:
        items: `item`, `pool` (a small number), `hash` of the item, `place` (number of the answer among those of all
            pools, in order and without gaps), `value_hash`, `ordered` (whether the answers of the pool are times or
            quantities) and `step` (equal for quantities that are too close to be told apart; null for other answers).

    Returns:
        `item`, `draw` from 0, `place` of the candidate, and `turn`, a random number that orders chosen options.
    """
    if not items.num_rows:
        return pa.table({name: pa.array([], pa.int32()) for name in COLUMNS})
    item, hashes = items["item"].to_numpy(), items["hash"].to_numpy().astype(np.uint64)
    place, value_hash = items["place"].to_numpy(), items["value_hash"].to_numpy().astype(np.uint64)
    of_value = _of_value(value_hash, place)
    parts: list[tuple[np.ndarray, ...]] = []
    pool, ordered = items["pool"].to_numpy(), items["ordered"].to_numpy()
    steps = pc.fill_null(items["step"], NO_STEP).to_numpy()
    neighbors = _neighbors(_of_value(pool, place), _of_value(steps, place), of_value)[place]
    pool = np.where(ordered, pool.max() + 1 + neighbors, pool)
    for group in _groups(pool, _buckets(pool, hashes, place), place):
        for start in range(0, len(group.rows), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            block = group._replace(rows=group.rows[rows], own=group.own[rows])
            parts.append(_candidates(block, item, hashes, of_value))
    columns = [np.concatenate([part[n] for part in parts] or [item[:0]]).astype(np.int32) for n in range(len(COLUMNS))]
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))


def _candidates(group: _Group, item: np.ndarray, hashes: np.ndarray, of_value: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return item, draw, place and turn of the candidates of a group's items."""
    count = min(CANDIDATES, len(group.places) - 1)
    mixed = _mixed(hashes[group.rows][:, None] ^ of_value[group.places][None, :])
    number = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    share = OPTIONS * group.weights[None, :] / (1 - group.weights[group.own][:, None])
    key = number / (1 - number) * np.maximum(1 - share, EPSILON) / share
    key[np.arange(len(group.own)), group.own] = np.inf
    lowest = np.argpartition(key, count - 1, axis=1)[:, :count]
    lowest = np.take_along_axis(lowest, np.argsort(np.take_along_axis(key, lowest, axis=1), axis=1), axis=1)
    turn = _mixed(np.take_along_axis(mixed, lowest, axis=1)) >> np.uint64(40)
    rows, draws = (
        np.broadcast_to(item[group.rows][:, None], lowest.shape),
        np.broadcast_to(np.arange(count), lowest.shape),
    )
    return rows.ravel(), draws.ravel(), group.places[lowest].ravel(), turn.ravel()


def _groups(pool: np.ndarray, key: np.ndarray, place: np.ndarray) -> Iterator[_Group]:
    """Yield the groups that have several values: the items of a pool with the same key."""
    order = np.lexsort((place, key, pool))
    cell_starts = _starts(pool[order], key[order], place[order])
    group_starts = _starts(pool[order], key[order])
    cells = np.searchsorted(cell_starts, group_starts)
    counts = np.diff([*cell_starts, len(order)])
    weights = _weights(counts, cells)
    places = place[order][cell_starts]
    bounds = zip(group_starts, [*group_starts[1:], len(order)], cells, [*cells[1:], len(counts)], strict=True)
    for first, last, low, high in bounds:
        if high - low > 1:
            own = np.repeat(np.arange(high - low), counts[low:high])
            yield _Group(order[first:last], own, places[low:high], weights[low:high])


def _starts(*columns: np.ndarray) -> np.ndarray:
    """Return the positions at which one of the columns changes."""
    changed = np.zeros(max(len(columns[0]) - 1, 0), bool)
    for column in columns:
        changed |= column[1:] != column[:-1]
    return np.flatnonzero(np.concatenate([np.ones(min(len(columns[0]), 1), bool), changed]))


def _buckets(pool: np.ndarray, hashes: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the part of a large pool that each item is in, by linear hashing: one part more or less changes two."""
    items, values = np.bincount(pool), np.bincount(_of_value(pool, place))
    parts = np.where(values <= MAX_VALUES, 1, np.maximum(items // GROUP_ITEMS, 1))[pool].astype(np.uint64)
    level = np.uint64(1) << np.floor(np.log2(parts)).astype(np.uint64)
    bucket = _mixed(hashes) % (level * np.uint64(2))
    return np.where(bucket < parts, bucket, bucket - level).astype(np.int64)


def _of_value(numbers: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the number of each value, of which all items of the value have the same."""
    found = np.zeros(place.max() + 1, numbers.dtype)
    found[place] = numbers
    return found


def _neighbors(pool: np.ndarray, step: np.ndarray, value_hash: np.ndarray) -> np.ndarray:
    """Return the group of each value among its neighbors in the order of values.

    Args:
        pool: pool of each value.
        step: step of each value, or `NO_STEP`: such a value is a step of its own.
        value_hash: hash of each value.
    """
    first = np.union1d(_starts(pool, step), np.flatnonzero(step == NO_STEP))
    of_value = np.repeat(np.arange(len(first)), np.diff([*first, len(pool)]))
    pools = pool[first]
    hashes = _mixed(np.where(step == NO_STEP, value_hash, step.astype(np.uint64))[first])
    begins = np.zeros(len(hashes), bool)
    if len(hashes) > 2 * WINDOW:
        lowest = sliding_window_view(hashes, 2 * WINDOW + 1).min(axis=1)
        inner = slice(WINDOW, len(hashes) - WINDOW)
        same_pool = pools[: -2 * WINDOW] == pools[2 * WINDOW :]
        begins[inner] = (hashes[inner] == lowest) & same_pool
    # A long group is cut into equal parts.
    starts = _starts(pools, np.cumsum(begins))
    sizes = np.diff([*starts, len(hashes)])
    parts = -(-sizes // MAX_NEIGHBORS)
    rank = np.arange(len(hashes)) - np.repeat(starts, sizes)
    group = np.repeat(np.cumsum(parts) - parts, sizes) + rank * np.repeat(parts, sizes) // np.repeat(sizes, sizes)
    return group[of_value]


def _weights(counts: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return the weights of values, which add up to 1 in each group.

    An answer with more than a quarter of a group has the highest possible weight.

    Args:
        counts: numbers of items by group and value.
        cells: position of the first value of each group.
    """
    group = np.repeat(np.arange(len(cells)), np.diff([*cells, len(counts)]))
    share = counts / np.add.reduceat(counts, cells)[group]
    low, high = np.zeros(len(cells)), np.maximum.reduceat(1 / share, cells)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = np.add.reduceat(_weight(share, middle[group]), cells) > 1
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return _weight(share, high[group])


def _weight(share: np.ndarray, tau: np.ndarray) -> np.ndarray:
    return (1 - np.sqrt(np.maximum(1 - tau * share, 0))) / 2


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Return 64 random bits of each number: the finalizer of SplitMix64 (Steele et al., 2014)."""
    numbers = numbers + _GOLDEN
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _SECOND
    return numbers ^ (numbers >> np.uint64(31))
