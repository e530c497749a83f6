"""ROUGE-L of captions (Lin, 2004), as pycocoevalcap computes it."""

import functools
from collections.abc import Sequence
from typing import Any

BETA = 1.2
"""Weight of recall against precision."""


class _Lines:
    """The tokenizer of texts that have one word on each line."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words; one empty word for an empty text."""
        return text.split("\n")


@functools.cache
def _scorer() -> Any:
    # It imports nltk, which the list of benchmarks and the report do not need.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_Lines())


def rouge_l(words: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return ROUGE-L of a caption, from 0 to 1. Precision and recall are the best of all references, each by itself.

    As in pycocoevalcap, a text without words has one empty word, so that two empty texts are equal.
    """
    scores = [_scorer().score("\n".join(reference), "\n".join(words))["rougeL"] for reference in references]
    precision = max(score.precision for score in scores)
    recall = max(score.recall for score in scores)
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
