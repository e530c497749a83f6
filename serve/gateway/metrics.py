"""Counters of the gateway in Prometheus' default registry, which vLLM's /metrics shows.

vLLM's own `http_requests_total` does not count what the gateway refuses.
"""

import functools

from prometheus_client import Counter
from starlette.types import Send

from pangea_cultural.utils.net.bodies import change_body

REFUSALS = Counter("pcult_refusals", "Requests that were refused, by reason.", ["reason"])
TOKENS = Counter("pcult_tokens", "Tokens of answered requests, by name of the key and kind.", ["key", "kind"])
OF_KEYS = b"pcult_tokens"
"""Start of the lines that name keys."""


def of_one_key(send: Send, name: str) -> Send:
    """Return a channel that leaves the tokens of other keys, and so their names, out of the metrics.

    Args:
        send: sends messages of the response.
        name: name of the key that asks.
    """
    return change_body(send, functools.partial(_without_others, f'key="{name}"'.encode()), lambda start: True)


def _without_others(own: bytes, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(OF_KEYS) or own in line)
