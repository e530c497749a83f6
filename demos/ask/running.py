"""Answers of one visitor that run, so that they can be ended.

Gradio's own way to cancel events is not enough. Its request arrives while the next event runs: it ends new answers too,
and the last texts of old ones arrive after a chat was emptied.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import TypeVar

LONGEST_END_S = 5.0
"""Seconds to wait for the end of an answer."""

Piece = TypeVar("Piece")


class Running:
    """The running answers of a visitor, by chat. All functions run in the event loop of the page."""

    def __init__(self) -> None:
        self.number = 0
        """Number of the last question, or of what ended it. Answers to earlier questions do not begin."""
        self._answers: dict[asyncio.Event, tuple[int, asyncio.Event]] = {}

    async def end(self, chat: int | None = None) -> int:
        """End the answers of a chat, or of all, wait until they have ended, and return how many there were."""
        self.number += chat is None
        ended = [(stop, done) for stop, (of, done) in self._answers.items() if chat is None or of == chat]
        for stop, _ in ended:
            stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_END_S):
                for _, done in ended:
                    await done.wait()
        return len(ended)

    @contextlib.contextmanager
    def answering(self, chat: int) -> Iterator[asyncio.Event]:
        """Give an event that is set when the answer of a chat has to end. Leave the block when it has."""
        stop, done = asyncio.Event(), asyncio.Event()
        self._answers[stop] = chat, done
        try:
            yield stop
        finally:
            del self._answers[stop]
            done.set()


async def until(stop: asyncio.Event, pieces: AsyncIterator[Piece]) -> AsyncGenerator[Piece]:
    """Yield pieces until there are no more or an event is set, at which the next piece is no longer waited for."""
    stopped, end = asyncio.ensure_future(stop.wait()), object()
    try:
        while not stop.is_set():
            waiting = asyncio.ensure_future(anext(pieces, end))
            try:
                await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not waiting.done():
                    waiting.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await waiting
            if waiting.cancelled() or waiting.result() is end:
                return
            yield waiting.result()  # type: ignore[misc]
    finally:
        stopped.cancel()
