"""Work on many items with bounded concurrency."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

CONCURRENCY = 32
"""Concurrent requests: enough to fill vLLM's batches. More connections only slow the client down."""

Result = TypeVar("Result")


async def gather(
    work: Callable[[Any], Awaitable[Result]],
    items: Iterable[Any],
    *,
    concurrency: int = 2 * CONCURRENCY,
    done: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Run `work` for every item with bounded concurrency; return the results in the items' order.

    `done` is called after each item.
    """
    limit = asyncio.Semaphore(concurrency)

    async def one(item: Any) -> Result:
        async with limit:
            result = await work(item)
        done()
        return result

    return list(await asyncio.gather(*[one(item) for item in items]))
