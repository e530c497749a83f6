"""The comparison of means with those of lighteval, because figures are computed for finer groups than its tasks."""

import math
from collections.abc import Sequence


def require_equal(task: str, values: Sequence[float], theirs: float) -> None:
    """Compare the mean score of a task with lighteval's. A task without scores is not compared.

    Raises:
        RuntimeError: the means differ.
    """
    if not values:
        return
    own = sum(values) / len(values)
    if not math.isclose(own, theirs, abs_tol=1e-9):
        raise RuntimeError(f"The score of {task} is {own}, but lighteval computes {theirs}.")
