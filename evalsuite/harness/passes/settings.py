"""The passes over the questions of a run."""

from typing import NamedTuple

BLIND, TEXT = "blind", "text"
CONTROLS = {"blind": BLIND, "text-only": TEXT}
"""Controls of published benchmarks, by their names in the option."""


class Passes(NamedTuple):
    """The wanted passes beyond that which gives the scores."""

    repeat: int = 1
    """Number of passes over the questions as they are, with that of the scores."""
    rotate_options: bool = False
    """Whether questions are asked with their options in all rotations."""
    controls: tuple[str, ...] = ()
    """Controls of published benchmarks: `blind`, `text` or both."""


ONE_PASS = Passes()
