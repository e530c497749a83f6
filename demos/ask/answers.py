"""Streamed answers of an endpoint, and the sentence for a visitor if there is none."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from demos.ask.conversation import Turn, is_blank, sent
from pangea_cultural.endpoint.client import MAX_TOKENS, Endpoint
from pangea_cultural.endpoint.failures import CONNECTION, TIMEOUT, NoAnswerError
from pangea_cultural.errors import UserError

SLOW_S = 8.0
"""Seconds without text after which the visitor is told that the model is slow."""
SILENCE_S = 90.0
"""Seconds without text after which the answer is given up."""
MOST_CHARACTERS = 20_000
"""Longest answer that is shown. The tokens that are asked for are far fewer; a browser stands still at millions."""


@dataclass(frozen=True)
class Target:
    """A model at an endpoint."""

    url: str
    """Base of the API, ending in /v1."""
    model: str
    api_key: str | None = None

    def connect(self) -> Endpoint:
        """Return a client, to be used as an asynchronous context manager."""
        return Endpoint(self.url, api_key=self.api_key, model=self.model, timeout_s=SILENCE_S)


class Progress(NamedTuple):
    """The state of an answer."""

    text: str
    """All of the answer so far."""
    remark: str = ""
    """Name of a text for the visitor: `slow`, or the reason of an end; empty while all is well."""
    is_end: bool = False
    fault: str = ""
    """The error, for the one who runs the page."""


async def stream(target: Target, turns: list[Turn], image: Path) -> AsyncGenerator[Progress]:
    """Yield the greedy answer to the last question as it grows. When this is closed, the server stops its work."""
    text = ""
    try:
        # A large image takes a second, in which other visitors would wait.
        messages = await asyncio.to_thread(sent, turns, image)
        fields = {"messages": messages, "max_tokens": MAX_TOKENS, "temperature": 0, "stream": True}
        async with target.connect() as endpoint, contextlib.aclosing(_with_pauses(endpoint, fields)) as pieces:
            async for piece in pieces:
                text += piece or ""
                if len(text) > MOST_CHARACTERS:
                    yield Progress(text[:MOST_CHARACTERS], "interrupted", is_end=True)
                    return
                yield Progress(text, "slow" if piece is None else "")
    except FileNotFoundError:
        yield Progress(text, "expired", is_end=True)
    except UserError as error:
        yield Progress(text, _remark(error, text), is_end=True, fault=str(error))
    else:
        yield Progress(text, "empty" if is_blank(text) else "", is_end=True)


async def _with_pauses(endpoint: Endpoint, fields: dict[str, Any]) -> AsyncGenerator[str | None]:
    """Yield the pieces of an answer, and None before each that is slow to come."""
    pieces: Any = endpoint.stream_chat(fields)
    try:
        while True:
            waiting = asyncio.ensure_future(anext(pieces, None))
            try:
                done, _ = await asyncio.wait({waiting}, timeout=SLOW_S)
                if not done:
                    yield None
                    # Also a server that sends comments or empty pieces gives no text.
                    done, _ = await asyncio.wait({waiting}, timeout=SILENCE_S - SLOW_S)
                if not done:
                    fact = f"{endpoint.url} sent no text within {SILENCE_S:g} s"
                    raise NoAnswerError(TIMEOUT, f"{fact}. See the server's log.")
                piece = waiting.result()
            finally:
                if not waiting.done():
                    waiting.cancel()
                    # The request ends before the client is closed.
                    with contextlib.suppress(asyncio.CancelledError, UserError):
                        await waiting
            if piece is None:
                return
            yield piece
    finally:
        await pieces.aclose()


def _remark(error: UserError, text: str) -> str:
    if text:
        return "interrupted"
    if isinstance(error, NoAnswerError) and error.is_busy:
        return "busy"
    if isinstance(error, NoAnswerError) and error.kind not in (CONNECTION, TIMEOUT) and not error.is_down:
        return "refused"
    return "down"
