"""Probabilities of options under a model: by their likelihoods, or by their letters where an endpoint gives none."""

import math
from collections.abc import Sequence
from pathlib import Path

from demos.ask.answers import SILENCE_S, Target
from pangea_cultural.endpoint.address import Address
from pangea_cultural.endpoint.chat import ChatPool
from pangea_cultural.endpoint.completion import Tokens
from pangea_cultural.endpoint.failures import NoAnswerError, NoLikelihoodsError
from pangea_cultural.endpoint.messages import question

LEAST, MOST = 2, 8
MOST_CHARACTERS = 200
"""Longest option."""


def split(text: str) -> list[str]:
    """Return the options of a text with one per line, each once."""
    lines = (" ".join(line.split())[:MOST_CHARACTERS] for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


async def shares(target: Target, image: Path, asked: str, options: Sequence[str]) -> list[float]:
    """Return the probabilities of options, which add up to 1.

    The likelihood of an option is the mean over its tokens, as in evaluations: the sum would prefer short ones.

    Raises:
        UserError: the endpoint does not answer, or gives no probabilities.
    """
    try:
        async with target.connect() as endpoint:
            found = await endpoint.choose(image, asked, options)
        values = [likelihood.mean for likelihood in found]
    except NoAnswerError as error:
        if error.is_down or error.is_busy:
            raise
        values = await _letters(target, image, asked, options)
    if not all(math.isfinite(value) or value == -math.inf for value in values) or max(values) == -math.inf:
        raise NoLikelihoodsError(f"{target.url} gives no probabilities of options. Ask an open question.")
    weights = [math.exp(value - max(values)) for value in values]
    return [weight / sum(weights) for weight in weights]


async def _letters(target: Target, image: Path, asked: str, options: Sequence[str]) -> list[float]:
    """Return the log-probabilities of the options' letters as the first token of an answer."""
    letters = [chr(ord("A") + number) for number in range(len(options))]
    lines = [f"{letter}. {option}" for letter, option in zip(letters, options, strict=True)]
    message = question(image, "\n".join([asked, *lines]))
    address = Address(url=target.url.rstrip("/"), api_key=target.api_key, model=target.model)
    async with ChatPool([address], timeout_s=SILENCE_S) as pool:
        answer = await pool.chat([message], max_tokens=1, top_logprobs=20)
    return [_logprob(answer.first_tokens or (), letter) for letter in letters]


def _logprob(tokens: Tokens, letter: str) -> float:
    """Return the log-probability of a letter, summed over its spellings such as `A` and ` A`."""
    found = [math.exp(value) for token, value in tokens if token.strip().rstrip(".)").strip() == letter]
    return math.log(sum(found)) if found and sum(found) > 0 else -math.inf
