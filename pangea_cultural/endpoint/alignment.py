"""The tokens of an answer at the end of a prompt, by the tokens that a server gives for a chat with and without it.

The header of an answer differs between chat templates: `<|im_start|>assistant` ends with a newline, `ASSISTANT:` with a
colon that a blank follows. Tokenizers can join the end of the header with the beginning of the answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_JOINED = 2
"""Most tokens of the header that an answer may change. More of them mean that the template has another form."""
COMPARED = 4
"""Most tokens of the header that are compared with the prompt."""
UNALIGNED = "its chat template has another form for an answer than for the beginning of one"


@dataclass(frozen=True)
class Boundary:
    """The end of a prompt, from shortly before the answer on."""

    before: tuple[int, ...]
    """The last tokens before the answer."""
    answer: tuple[int, ...]


@dataclass(frozen=True)
class SharedBoundary:
    """The place where several answers to one question begin."""

    length: int
    """Number of tokens before the answers."""
    compared: int
    """Number of tokens before the answers that do not depend on the question."""

    def of(self, tokens: Sequence[int]) -> Boundary:
        """Return the end of a prompt that ends with one of the answers."""
        return Boundary(tuple(tokens[self.length - self.compared : self.length]), tuple(tokens[self.length :]))


def shared_boundary(
    header: Sequence[int], other: Sequence[int], prompts: Sequence[Sequence[int]]
) -> SharedBoundary | None:
    """Return where the answers of several prompts begin; None if they do not continue the header.

    It is the same place for all of them, also if some answers change the last tokens of the header. Otherwise a part of
    the header would count for some answers only.

    Args:
        header: the tokens of a chat that ends where an answer begins.
        other: the tokens of such a chat with another question. What they have in common is the header.
        prompts: the tokens of the same chat with each answer.
    """
    length = min(_common(header, tokens) for tokens in prompts)
    if len(header) - length > MOST_JOINED or any(len(tokens) <= length for tokens in prompts):
        return None
    independent = _common(header[::-1], other[::-1])
    return SharedBoundary(length, max(0, min(COMPARED, independent - (len(header) - length))))


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of equal tokens at the beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))


def logprobs_of(entries: Any, boundary: Boundary) -> list[float] | None:
    """Return the log-probabilities of an answer's tokens.

    Args:
        entries: one entry for each token of the prompt, as vLLM returns them: values by the token's id.
        boundary: the tokens that the prompt has to end with.

    Returns:
        None if there are no entries, or they are about other tokens.
    """
    wanted = (*boundary.before, *boundary.answer)
    if not isinstance(entries, list) or len(entries) < len(wanted):
        return None
    found: list[float] = []
    for entry, token in zip(entries[len(entries) - len(wanted) :], wanted, strict=True):
        value = entry.get(str(token)) if isinstance(entry, dict) else None
        logprob = value.get("logprob") if isinstance(value, dict) else None
        # The first token of a prompt has no entry, and a boundary near the beginning may include it.
        if not isinstance(logprob, int | float) and not (entry is None and len(found) < len(boundary.before)):
            return None
        found.append(math.nan if logprob is None else float(logprob))
    return found[len(boundary.before) :]
