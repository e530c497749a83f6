"""Answers of one visitor that run, so that they can be ended.

Gradio's own way to cancel events is not enough. Its request arrives while the next event runs: it ends new answers too,
and the last texts of old ones arrive after a chat was emptied.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

LONGEST_END_S = 5.0
"""Seconds to wait for the end of an answer."""

Piece = TypeVar("Piece")


@dataclass(eq=False)
class RunningAnswer:
    """An answer that is on its way."""

    chat: int
    """Number of its chat."""
    is_complete: bool = False
    """Whether its text is complete, though not yet shown."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has to end."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended."""


class Running:
    """The running answers of a visitor. All functions run in the event loop of the page."""

    def __init__(self) -> None:
        self.number = 0
        """Number of the last question, or of what ended it. Answers to earlier questions do not begin."""
        self._answers: list[RunningAnswer] = []

    async def end(self, chat: int | None = None) -> int:
        """End the answers of a chat, or of all, wait until they have ended, and return how many were not complete."""
        self.number += chat is None
        ended = [answer for answer in self._answers if chat is None or answer.chat == chat]
        number = sum(not answer.is_complete for answer in ended)
        for answer in ended:
            answer.stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_END_S):
                for answer in ended:
                    await answer.done.wait()
        return number

    @contextlib.contextmanager
    def answering(self, chat: int) -> Iterator[RunningAnswer]:
        """Give a new answer of a chat. Leave the block when it has ended."""
        answer = RunningAnswer(chat)
        self._answers.append(answer)
        try:
            yield answer
        finally:
            self._answers.remove(answer)
            answer.done.set()


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
