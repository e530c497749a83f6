"""Iteration with a thread that makes the next item. Arrow and DuckDB work without Python's lock."""

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], pool: Executor) -> Iterator[T]:
    """Iterate over items. While one is used, a thread makes the next one.

    Args:
        items: the items.
        pool: its threads. Its owner ends it before what `items` reads from is closed: after an error in the loop,
            a thread can still be making an item.
    """
    end = object()
    following = pool.submit(next, items, end)
    while (item := following.result()) is not end:
        following = pool.submit(next, items, end)
        yield item  # type: ignore[misc]
