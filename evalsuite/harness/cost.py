"""The cost of the answers in a folder, in cost.json: requests, tokens and seconds of all attempts together."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pangea_cultural.endpoint.usage import Usage
from pangea_cultural.utils.files import read_json, write_json

FILE = "cost.json"


@contextmanager
def measured(usages: Sequence[Usage], folder: Path) -> Iterator[None]:
    """Add what happens inside to the cost of a folder, also if it ends with an error.

    Args:
        usages: counts of the endpoints that are asked.
        folder: the folder with the answers.
    """
    started, first = time.monotonic(), _sum(usages)
    try:
        yield
    finally:
        path = folder / FILE
        before = read_json(path) if path.is_file() else {}
        counts: dict[str, float] = {name: count - first[name] for name, count in _sum(usages).items()}
        counts["seconds"] = time.monotonic() - started
        write_json(path, {name: round(before.get(name, 0) + count, 3) for name, count in counts.items()})


def _sum(usages: Sequence[Usage]) -> Counter[str]:
    total: Counter[str] = Counter()
    for usage in usages:
        total.update(usage.as_row())
    return total
