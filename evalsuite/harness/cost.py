"""The cost of the answers in a folder, in cost.json: requests, tokens and seconds of all attempts together.

Keys of a judge begin with `judge_`. `peak_memory_bytes` is the largest resident set size of the process so far, of the
attempt with the highest one. Servers, also those that an evaluation starts, are other processes.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pangea_cultural.endpoint.usage import Usage
from pangea_cultural.utils.environment import peak_memory_bytes
from pangea_cultural.utils.files import read_json, write_json

FILE = "cost.json"
JUDGE = "judge_"
PEAK = "peak_memory_bytes"


@contextmanager
def measured(usages: Sequence[Usage], folder: Path, of: str = "") -> Iterator[None]:
    """Add what happens inside to the cost of a folder, also if it ends with an error.

    Args:
        usages: counts of the endpoints that are asked.
        folder: the folder with the answers.
        of: beginning of the keys.
    """
    started, first = time.monotonic(), _sum(usages)
    try:
        yield
    finally:
        before = read(folder)
        counts: dict[str, float] = {name: count - first[name] for name, count in _sum(usages).items()}
        counts["seconds"] = time.monotonic() - started
        added = {f"{of}{name}": round(before.get(f"{of}{name}", 0) + count, 3) for name, count in counts.items()}
        peak = max(before.get(PEAK, 0), peak_memory_bytes())
        write_json(folder / FILE, {**before, **added, PEAK: peak})


def read(folder: Path) -> dict[str, float]:
    """Return the cost of the answers in a folder; nothing if none was asked for."""
    path = folder / FILE
    return read_json(path) if path.is_file() else {}


def _sum(usages: Sequence[Usage]) -> Counter[str]:
    total: Counter[str] = Counter()
    for usage in usages:
        total.update(usage.as_row())
    return total
