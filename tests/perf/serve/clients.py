"""Clients of a server: they ask questions about images, many at a time."""

import asyncio
import io
import time
from dataclasses import dataclass, field

import aiohttp
import numpy as np
import orjson
from PIL import Image

from pangea_cultural.endpoint.messages import question

TOKENS = 16


def bodies(model: str, number: int, seed: int = 0) -> list[bytes]:
    """Return questions, each about an image of its own."""
    random = np.random.default_rng(seed)
    made = []
    for place in range(number):
        buffer = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (120, 160, 3), dtype=np.uint8)).save(buffer, "JPEG")
        message = question(buffer.getvalue(), f"What is shown in image {place}?")
        fields = {"model": model, "messages": [message], "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True}
        made.append(orjson.dumps(fields))
    return made


@dataclass
class Outcome:
    """Answers and failures that the clients got."""

    seconds: float = 0.0
    lost: int = 0
    """Requests without an answer of status 200."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each answered request."""

    @property
    def requests(self) -> int:
        """Requests that were sent."""
        return len(self.latencies) + self.lost


def ask(
    url: str, questions: list[bytes], *, clients: int, headers: dict[str, str], seconds: float | None = None
) -> Outcome:
    """Ask all questions once, or again and again for a time."""
    return asyncio.run(_ask(url, questions, clients, headers | {"Content-Type": "application/json"}, seconds))


async def _ask(
    url: str, questions: list[bytes], clients: int, headers: dict[str, str], seconds: float | None
) -> Outcome:
    outcome, began = Outcome(), time.monotonic()
    places = iter(range(len(questions)) if seconds is None else range(10**9))

    async def client(session: aiohttp.ClientSession) -> None:
        for place in places:
            if seconds is not None and time.monotonic() - began > seconds:
                return
            start = time.monotonic()
            body = questions[place % len(questions)]
            try:
                async with session.post(f"{url}/chat/completions", data=body, headers=headers) as response:
                    await response.read()
                    answered = response.status == 200
            except (aiohttp.ClientError, OSError, TimeoutError):
                answered = False
            if answered:
                outcome.latencies.append(time.monotonic() - start)
            else:
                outcome.lost += 1

    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=clients), timeout=timeout) as session:
        await asyncio.gather(*[client(session) for _ in range(clients)])
    outcome.seconds = time.monotonic() - began
    return outcome
