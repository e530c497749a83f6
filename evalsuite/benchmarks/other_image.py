"""Other images for questions: that of another question, whose right answer is none of the options or answers here.

Such an answer would help, or it would lure a model to a wrong option, so that the control is too low.
"""

from bisect import bisect_left
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from evalsuite.benchmarks.base import Benchmark, Row
from evalsuite.metrics.exact_match import normalized
from evalsuite.metrics.yes_no import yes_or_no
from pangea_cultural.utils.sampling import hash_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A question with images."""

    key: str
    """Name of the question in the run."""
    item: str
    """Name of the row. Translations have the same one, and are shown the same other image where they can be."""
    marks: frozenset[Hashable]
    """Cluster and images. Questions that share one are about the same thing."""
    num_images: int
    right: frozenset[str]
    """Right answers."""
    told: frozenset[str]
    """Right answers and options."""

    @classmethod
    def of(cls, benchmark: Benchmark, key: str, row: Row, *, cluster: str, images: Sequence[str]) -> "Candidate":
        """Return a row as a candidate, with its cluster and the hashes of its images."""
        place = benchmark.rotation.right(row) if benchmark.rotation else None
        choices = benchmark.choices(row)
        known = place is not None and 0 <= place < len(choices)
        right = [choices[place]] if known and place is not None else benchmark.right(row)
        return cls(
            key=key,
            item=benchmark.item(row),
            marks=frozenset((("cluster", cluster), *images)),
            num_images=len(images),
            right=_texts(right),
            told=_texts([*right, *choices]),
        )

    def can_show(self, other: "Candidate") -> bool:
        """Return whether the images of another question neither help nor lure here."""
        return not (self.marks & other.marks or self.told & other.right)


def other_images(candidates: Collection[Candidate], seed: int) -> dict[str, str]:
    """Return for each question the one whose images it is shown. Questions without another one are left out.

    The choice depends on names only. If one question is missing, those that were shown its images change, and no other.
    A question with as many images is chosen if there is one.
    """
    rings = {number: _Ring((c for c in candidates if c.num_images == number), seed) for number in _counts(candidates)}
    whole = _Ring(candidates, seed)
    found = {}
    for candidate in candidates:
        others = chain(rings[candidate.num_images].after(candidate), whole.after(candidate) if len(rings) > 1 else ())
        other = next(filter(candidate.can_show, others), None)
        if other is not None:
            found[candidate.key] = other.key
    return found


class _Ring:
    """Questions in an order that depends on their names only (consistent hashing; Karger et al., 1997).

    Args:
        candidates: the questions.
        seed: seed of the order.
    """

    def __init__(self, candidates: Iterable[Candidate], seed: int) -> None:
        self._seed = seed
        placed = sorted(((hash_key(f"{seed} {c.item}"), c.key, c) for c in candidates), key=lambda entry: entry[:2])
        self._places = [place for place, _, _ in placed]
        self._candidates = [candidate for _, _, candidate in placed]

    def after(self, candidate: Candidate) -> Iterator[Candidate]:
        """Yield all questions, from a place that the name of a question gives."""
        start = bisect_left(self._places, hash_key(f"{self._seed} shown for {candidate.item}"))
        yield from self._candidates[start:]
        yield from self._candidates[:start]


def _counts(candidates: Iterable[Candidate]) -> set[int]:
    return {candidate.num_images for candidate in candidates}


def _texts(texts: Iterable[str]) -> frozenset[str]:
    """Return texts to compare. Yes and no are about their own question only, so they are right for any image."""
    found = {normalized(text) for text in texts}
    return frozenset(text for text in found if text and not (len(text.split()) == 1 and yes_or_no(text)))
