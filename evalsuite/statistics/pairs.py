"""Pairs: the answers of two runs to the same question."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Pairs(Generic[Key, Answer]):
    """The questions that both runs have, in the order of the first run, and how many only one has."""

    keys: list[Key]
    a: list[Answer]
    b: list[Answer]
    only_a: int
    only_b: int


def pair(a: Mapping[Key, Answer], b: Mapping[Key, Answer]) -> Pairs[Key, Answer]:
    """Return the pairs of two runs by question."""
    keys = [key for key in a if key in b]
    return Pairs(keys, [a[key] for key in keys], [b[key] for key in keys], len(a) - len(keys), len(b) - len(keys))
