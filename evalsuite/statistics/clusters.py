"""Clusters: answers that share an image, or another thing that makes them correlated."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]
"""Number of the cluster, or of another part, that each answer belongs to, from 0 without gaps."""


def united(names: Sequence[Sequence[Hashable]]) -> Numbers:
    """Return the cluster of each answer: answers that share a name, also by way of others, have the same cluster.

    Args:
        names: names of each answer, such as its images. An answer without names is a cluster of its own.
    """
    numbers: dict[Hashable, int] = {}
    answers = np.array([answer for answer, own in enumerate(names) for _ in own], dtype=np.intp)
    shared = np.array([numbers.setdefault(name, len(numbers)) for own in names for name in own], dtype=np.intp)
    size = len(names) + len(numbers)
    links = coo_array((np.ones(len(answers)), (answers, shared + len(names))), shape=(size, size))
    return numbered(connected_components(links, directed=False)[1][: len(names)])


def numbered(labels: Sequence[Hashable] | NDArray[np.generic]) -> Numbers:
    """Return the number of each label, from 0 in the order of their first occurrence."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.intp)


def sums_by(numbers: Numbers, values: Floats) -> Floats:
    """Return the sum of the values of each part."""
    return np.bincount(numbers, values).astype(np.float64)
