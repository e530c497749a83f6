"""Scores with their clusters, and what is averaged: all answers alike, or the means of languages."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from evalsuite.statistics.clusters import Floats, Numbers, numbered, sums_by


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of answers without missing ones, and a mean over them.

    The mean is the weighted mean of the means of cells. A cell is a language, for example. A plain mean has one cell.
    """

    values: Floats
    clusters: Numbers
    cells: Numbers
    cell_weights: Floats
    """Weight of each cell; the sum is 1."""
    missing: int
    """Number of answers without a score. They are left out, and never count as 0."""

    @classmethod
    def of(
        cls,
        values: Sequence[float | None] | Floats,
        clusters: Sequence[Hashable] | NDArray[np.generic],
        cells: Sequence[Hashable] | None = None,
        outer: Sequence[Hashable] | None = None,
    ) -> Self:
        """Return scores without the missing ones, which are None or NaN.

        Args:
            values: score of each answer.
            clusters: cluster of each answer.
            cells: cell of each answer, such as its language; all cells weigh the same. None for a plain mean.
            outer: group of cells of each answer, such as its benchmark. Groups weigh the same, and so do the cells
                within a group.
        """
        numbers = np.asarray(values, dtype=np.float64)
        present = np.flatnonzero(~np.isnan(numbers))
        groups = [0] * len(numbers) if outer is None else list(outer)
        names = [0] * len(numbers) if cells is None else list(cells)
        pairs = [(groups[row], names[row]) for row in present]
        return cls(
            values=numbers[present],
            clusters=numbered([clusters[row] for row in present]),
            cells=numbered(pairs),
            cell_weights=_weights(list(dict.fromkeys(pairs))),
            missing=len(numbers) - len(present),
        )

    def with_values(self, values: Floats) -> Self:
        """Return the same answers with other values."""
        return replace(self, values=values)

    @property
    def num_clusters(self) -> int:
        """The number of clusters."""
        return int(self.clusters.max()) + 1 if len(self.clusters) else 0

    @property
    def weights(self) -> Floats:
        """The weight of each answer in the mean."""
        return (self.cell_weights / np.bincount(self.cells))[self.cells]

    @property
    def mean(self) -> float | None:
        """The mean; None without scores."""
        if not len(self.values):
            return None
        means = sums_by(self.cells, self.values) / np.bincount(self.cells)
        return float(means @ self.cell_weights)

    @property
    def is_binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return bool(np.isin(self.values, (0.0, 1.0)).all())

    def squared_error(self) -> float:
        """Return the squared standard error of the mean, by the estimate of Liang and Zeger (1986) for clusters.

        It has the factor C / (C - 1) for C clusters. If every answer has its own cluster, it equals the ordinary one.
        """
        parts = self.cluster_parts()
        return float((parts**2).sum()) * len(parts) / (len(parts) - 1)

    def cluster_parts(self) -> Floats:
        """Return how far each cluster moves the mean."""
        means = sums_by(self.cells, self.values) / np.bincount(self.cells)
        return sums_by(self.clusters, self.weights * (self.values - means[self.cells]))


def _weights(pairs: list[tuple[Hashable, Hashable]]) -> Floats:
    """Return the weight of each pair of group and cell."""
    groups = numbered([group for group, _ in pairs])
    if not len(groups):
        return np.zeros(0)
    return 1 / np.bincount(groups)[groups] / (groups.max() + 1)
