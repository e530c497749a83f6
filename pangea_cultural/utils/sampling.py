"""A few of many, at even distances."""

import numpy as np


def spread(count: int, most: int) -> np.ndarray:
    """At most so many of `count` positions, at even distances, the first and the last among them."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)
