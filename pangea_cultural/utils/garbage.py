"""Garbage collection in loops that make many objects without cycles."""

import contextlib
import gc
from collections.abc import Iterator

RARE = 200_000
"""Number of new objects between two collections: more than a batch of documents has."""


def collect_rarely() -> None:
    """Let the collector of cycles run rarely in this process."""
    gc.set_threshold(RARE, *gc.get_threshold()[1:])


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector of cycles run rarely in the block.

    By default, it looks at the rows of a batch, which have no cycles, dozens of times before they are written.
    """
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
