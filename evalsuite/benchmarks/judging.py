"""Scores by a judge: a model that reads an answer and returns a verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalsuite.benchmarks.base import Row, Score

Verdict = tuple[float, ...]
"""The numbers that a judge gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Judging of the answers of a benchmark."""

    prompt: Callable[[Row, str], str]
    """Text that the judge is asked, for a row and its answer."""
    read: Callable[[str], Verdict | None]
    """Verdict in the judge's text. None if there is none: the row then has no score."""
    scores: Callable[[Sequence[Row], Sequence[str], Sequence[Verdict | None]], list[Score]]
    """Scores of all answers of a task, from their verdicts."""
    system: str = ""
    """Text of the system's message to the judge; empty if there is none."""
    max_tokens: int
    """Longest text of the judge, in tokens."""
    reference_model: str
    """The judge of published scores; empty if it is not public."""


def not_judged(row: Row, answer: str) -> Score:
    """Return the score of an answer before it is judged: none."""
    return Score(reference=None, robust=None, answer=answer.strip() or None)
