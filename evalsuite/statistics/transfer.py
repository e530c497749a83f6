"""The claim of transfer: whether the gain of a run over another one also exists in languages without training."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from evalsuite.statistics.clusters import Floats, numbered
from evalsuite.statistics.gee import Gee, fit
from evalsuite.statistics.interval import CONFIDENCE


@dataclass(frozen=True, slots=True)
class Effect:
    """A change of the log odds of a right answer, with its interval of 95 % and its two-sided p-value."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """The gain of run A over run B in trained and in held-out languages, in log odds."""

    n: int
    """Number of answers, those of both runs."""
    clusters: int
    constant: int
    """Number of answers left out, because all answers of their benchmark and language are right, or all are wrong."""
    trained: Effect
    held_out: Effect
    interaction: Effect
    """Gain in held-out languages minus the gain in trained ones: the coefficient of run x held-out."""
    novel: Effect | None
    """Change of the gain in held-out languages for answers that no trained language spells like this."""


def transfer(
    right: Floats,
    run: Floats,
    held_out: Floats,
    novel: Floats,
    benchmarks: Sequence[Hashable],
    languages: Sequence[Hashable],
    clusters: Sequence[Hashable],
) -> Transfer | None:
    """Return the claim from a logistic regression on run x held-out x novel, benchmark and language.

    Args:
        right: 1 for a right answer, 0 for a wrong one.
        run: 1 for an answer of run A, 0 for one of run B.
        held_out: 1 for an answer in a held-out language, 0 for one in a trained language.
        novel: 1 if no trained language has a right answer with this spelling, 0 otherwise.
        benchmarks: benchmark of each answer.
        languages: language of each answer.
        clusters: cluster of each answer, the same for both runs.

    Returns:
        None without answers in both trained and held-out languages, or if the regression does not converge.
    """
    cells = numbered(list(zip(benchmarks, languages, strict=True)))
    shares = np.bincount(cells, right) / np.bincount(cells) if len(cells) else np.zeros(0)
    kept = np.flatnonzero((shares > 0)[cells] & (shares < 1)[cells])
    columns = {
        "run": run[kept],
        "run x held-out": (run * held_out)[kept],
        "novel": (held_out * novel)[kept],
        "run x held-out x novel": (run * held_out * novel)[kept],
    }
    if not 0 < columns["run x held-out"].sum() < columns["run"].sum():
        return None
    if not 0 < columns["novel"].sum() < held_out[kept].sum():
        del columns["novel"], columns["run x held-out x novel"]
    names = list(columns)
    dummies = [_dummies([labels[row] for row in kept]) for labels in (benchmarks, languages)]
    design = _independent(np.column_stack([*columns.values(), np.ones(len(kept)), *dummies]))
    model = fit(right[kept], design, numbered([clusters[row] for row in kept]))
    if model is None:
        return None
    return Transfer(
        n=len(kept),
        clusters=model.clusters,
        constant=len(right) - len(kept),
        trained=_effect(model, names, ["run"]),
        held_out=_effect(model, names, ["run", "run x held-out"]),
        interaction=_effect(model, names, ["run x held-out"]),
        novel=_effect(model, names, ["run x held-out x novel"]) if "novel" in names else None,
    )


def _dummies(labels: Sequence[Hashable]) -> Floats:
    """Return a column for each label except the first."""
    numbers = numbered(labels)
    return (numbers[:, None] == np.arange(1, numbers.max() + 1)).astype(float)


def _independent(design: Floats) -> Floats:
    """Return the design without columns that others add up to, such as that of a benchmark in a single language."""
    kept: list[int] = []
    remainder = np.empty((len(design), 0))
    for number, column in enumerate(design.T):
        rest = column - remainder @ (remainder.T @ column)
        rest = rest - remainder @ (remainder.T @ rest)
        if (norm := np.linalg.norm(rest)) > 1e-8 * max(1.0, float(np.linalg.norm(column))):
            kept.append(number)
            remainder = np.column_stack([remainder, rest / norm])
    return design[:, kept]


def _effect(model: Gee, names: Sequence[str], summed: Sequence[str]) -> Effect:
    """Return the sum of some coefficients. The named ones are the first columns of the design."""
    chosen = np.zeros(len(model.coefficients))
    chosen[[names.index(name) for name in summed]] = 1
    value = float(chosen @ model.coefficients)
    # The covariance of equal runs is zero, up to rounding.
    error = max(float(chosen @ model.covariance @ chosen), 1e-16) ** 0.5
    half = float(ndtri((1 + CONFIDENCE) / 2)) * error
    return Effect(value, value - half, value + half, float(2 * ndtr(-abs(value) / error)))
