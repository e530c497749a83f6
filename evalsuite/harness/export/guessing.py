"""The control `words`: the text-only guesser of `pcult data audit`, which has learned from the training's questions."""

import heapq
from collections.abc import Iterable, Sequence

from pangea_cultural.dataset.question import Question
from pangea_cultural.utils.sampling import hash_key

SAMPLE = 30_000
"""Number of questions that the guesser learns from, as in the audit."""


def guesses(known: Iterable[Question], asked: Sequence[Question], *, seed: int) -> dict[str, str]:
    """Return the options that the guesser chooses, by question; none for questions that it has learned nothing about.

    Args:
        known: questions of the training.
        asked: the questions; those without options are left out.
        seed: seed of the sample and of the guesser.
    """
    choice = [row for row in known if row.choices]
    found: dict[str, str] = {}
    for options in sorted({len(row.choices) for row in asked if row.choices}):
        of_length = [row for row in choice if len(row.choices) == options]
        sample = heapq.nsmallest(SAMPLE, of_length, key=lambda row: hash_key(f"{seed} {row.id}"))
        if sample:
            found |= _guess(sample, [row for row in asked if len(row.choices) == options], seed)
    return found


def _guess(sample: list[Question], asked: list[Question], seed: int) -> dict[str, str]:
    # scipy and scikit-learn take a second to import.
    import numpy as np

    from pangea_cultural.dataset.guesser import ranker
    from pangea_cultural.dataset.guesser.features import Asked

    def texts(rows: list[Question]) -> Asked:
        columns = [(row.property, row.language, row.entity_type, row.question, row.choices) for row in rows]
        return Asked.of(*zip(*columns, strict=True))

    right = np.array([row.choices.index(row.answer) for row in sample])
    weights = ranker.learn(ranker.pairs(texts(sample), right), seed)
    return dict(zip([row.id for row in asked], ranker.guesses(weights, texts(asked)), strict=True))
