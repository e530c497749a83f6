"""Counts of what a client has asked an endpoint for."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Usage:
    """Requests and tokens of a client."""

    requests: int = 0
    """Number of requests, with those that were repeated because the endpoint was busy."""
    prompt_tokens: int = 0
    answer_tokens: int = 0

    def add_tokens(self, reply: Any) -> None:
        """Add the tokens that a chat completion states. Not every server states them."""
        stated = getattr(reply, "usage", None)
        self.prompt_tokens += _count(getattr(stated, "prompt_tokens", 0))
        self.answer_tokens += _count(getattr(stated, "completion_tokens", 0))

    def as_row(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def _count(value: object) -> int:
    # The library does not check what servers send.
    return value if isinstance(value, int) and value > 0 else 0
