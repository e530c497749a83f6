"""CIDEr-D of captions (Vedantam et al., 2015), as pycocoevalcap computes it."""

import math
from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]
Gram = tuple[str, ...]
LONGEST = 4
"""Number of words of the longest n-grams."""
SIGMA = 6.0
"""Standard deviation of the penalty for a difference in length, in words."""


class Cider:
    """The weights of n-grams by the references of all images.

    Args:
        references: the references of each image, as words.
    """

    def __init__(self, references: Sequence[Sequence[Words]]) -> None:
        self._documents: Counter[Gram] = Counter()
        for image in references:
            self._documents.update({gram for words in image for gram in _grams(words)})
        self._log_images = math.log(float(len(references)))

    def score(self, words: Words, references: Sequence[Words]) -> float:
        """Return CIDEr-D of a caption, from 0 to 10."""
        if not references:
            return 0.0
        vector = self._weights(words)
        total = sum(
            _similarity(vector, self._weights(reference), _num_pairs(words) - _num_pairs(reference))
            for reference in references
        )
        return 10.0 * total / LONGEST / len(references)

    def _weights(self, words: Words) -> list[dict[Gram, float]]:
        """Return the weights of the n-grams of a text, by their length."""
        weights: list[dict[Gram, float]] = [{} for _ in range(LONGEST)]
        for gram, count in _grams(words).items():
            rarity = self._log_images - math.log(max(1.0, self._documents[gram]))
            weights[len(gram) - 1][gram] = count * rarity
        return weights


def _grams(words: Words) -> Counter[Gram]:
    return Counter(
        tuple(words[start : start + length])
        for length in range(1, LONGEST + 1)
        for start in range(len(words) - length + 1)
    )


def _num_pairs(words: Words) -> int:
    """Return the length of a text in the reference: its number of pairs of words."""
    return max(0, len(words) - 1)


def _similarity(text: list[dict[Gram, float]], reference: list[dict[Gram, float]], difference: int) -> float:
    """Return the sum over lengths of n-grams of the clipped cosine, with a penalty for a difference in length."""
    penalty = math.exp(-(difference**2) / (2 * SIGMA**2))
    total = 0.0
    for own, other in zip(text, reference, strict=True):
        shared = sum(min(weight, other[gram]) * other[gram] for gram, weight in own.items() if gram in other)
        norms = _norm(own) * _norm(other)
        total += (shared / norms if norms else shared) * penalty
    return total


def _norm(weights: dict[Gram, float]) -> float:
    return math.sqrt(sum(weight**2 for weight in weights.values()))
