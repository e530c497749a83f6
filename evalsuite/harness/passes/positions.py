"""Figures of questions that were asked in all rotations of their options."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evalsuite.statistics.figure import figure
from evalsuite.statistics.scores import Scores


class Turn(NamedTuple):
    """The answer to a question in one rotation."""

    right: int
    """Place of the right option."""
    chosen: int | None
    """Place of the option that the answer chooses, None if it chooses none."""
    score: float


def rotation_figures(turns: Mapping[str, Sequence[Turn]], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of results.json about rotations.

    Args:
        turns: the answers to each question, one for each of its options.
        names: cluster of each question.

    Returns:
        `mean` is the mean score over all rotations. `all_right` is the share of questions that are right in all of
        them, and `chance_all_right` that of random options. `positions` has for each position the score of the
        questions whose right option is there, and how often answers choose it. An answer without preference for
        positions chooses each as often as the right option is there, `n` times.
    """
    clusters = [names[key] for key in turns]
    counts = [len(own) for own in turns.values()]
    answers = [(turn, names[key]) for key, own in turns.items() for turn in own]
    mean = [sum(turn.score for turn in own) / len(own) for own in turns.values()]
    all_right = [float(all(turn.score == 1 for turn in own)) for own in turns.values()]
    return {
        "n": len(turns),
        "mean": figure(Scores.of(mean, clusters)).as_row(),
        "chance": _mean([1 / count for count in counts]),
        "all_right": figure(Scores.of(all_right, clusters)).as_row(),
        "chance_all_right": _mean([(1 / count) ** count for count in counts]),
        "positions": [
            {
                "position": place + 1,
                "score": _score([(turn, name) for turn, name in answers if turn.right == place]),
                "chosen": sum(turn.chosen == place for turn, _ in answers),
            }
            for place in range(max(counts, default=0))
        ],
        "unparsed": sum(turn.chosen is None for turn, _ in answers),
    }


def _score(answers: Sequence[tuple[Turn, Any]]) -> dict[str, Any]:
    return figure(Scores.of([turn.score for turn, _ in answers], [name for _, name in answers])).as_row()


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
