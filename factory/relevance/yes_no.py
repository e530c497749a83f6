"""The probability of yes in the answer of a model, and answers that are neither yes nor no."""

import math
import re
from typing import NamedTuple

from pangea_cultural.endpoint.completion import Answer

WORDS = ("yes", "no")
LEAST_MASS = 0.5
"""Least probability of yes and no together. Below it, the model was about to say something else."""
NEITHER = "answer is neither yes nor no"
"""Reason to drop an answer."""
MAX_ANSWER = 200
"""Characters of an answer that are kept."""
_AROUND = re.compile(r"^[\W_\u2581\u0120]+|[\W_]+$")
"""Spaces, quotes and marks of Markdown around a word, and the marks of tokenizers for a space."""


class Judgment(NamedTuple):
    """Answer of a model about a pair."""

    probability: float | None
    """Probability of yes; None if the answer is neither yes nor no."""
    mass: float | None
    """Probability of yes and no together; None if it comes from a text."""
    answer: str
    """The first token, or the text."""


def from_tokens(reply: Answer) -> Judgment:
    """Return the probability of yes against no from the likely first tokens.

    All spellings of a word are summed: `Yes`, ` yes`, `YES.`. The beginning of a word counts too, because some
    tokenizers split it.
    """
    assert reply.first_tokens is not None, "the endpoint returns log-probabilities"
    sums = dict.fromkeys(WORDS, 0.0)
    for token, logprob in reply.first_tokens:
        word = _plain(token)
        match = next((name for name in WORDS if word and name.startswith(word)), None)
        if match and math.isfinite(logprob):
            sums[match] += math.exp(logprob)
    yes, no = (sums[word] for word in WORDS)
    mass = min(1.0, yes + no)
    return Judgment(yes / (yes + no) if mass >= LEAST_MASS else None, mass, reply.text[:MAX_ANSWER])


def from_text(reply: Answer) -> Judgment:
    """Return 1 or 0 for a text whose first word is yes or no."""
    words = reply.text.split(maxsplit=1)
    first = _plain(words[0]) if words else ""
    return Judgment({"yes": 1.0, "no": 0.0}.get(first), None, reply.text[:MAX_ANSWER])


def _plain(text: str) -> str:
    return _AROUND.sub("", text).casefold()
