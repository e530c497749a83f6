"""Counts of what a client has asked an endpoint for."""

from dataclasses import asdict, dataclass

from pangea_cultural.endpoint.completion import Answer


@dataclass(slots=True)
class Usage:
    """Requests and tokens of a client."""

    requests: int = 0
    """Number of requests, with those that were repeated."""
    prompt_tokens: int = 0
    answer_tokens: int = 0

    def add_tokens(self, answer: Answer) -> None:
        """Add the tokens that a chat completion states. Not every server states them."""
        self.prompt_tokens += answer.prompt_tokens
        self.answer_tokens += answer.answer_tokens

    def as_row(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)
