"""Samples that depend on names or positions only, so that a repeated run selects the same ones."""

import hashlib

import numpy as np


def evenly_spaced(count: int, max_count: int) -> np.ndarray:
    """Return at most `max_count` of the indices below `count`, evenly spaced, including the first and the last."""
    return np.linspace(0, count - 1, min(count, max_count)).round().astype(int)


def hash_key(name: str) -> bytes:
    """Return the SHA-256 of a name: as a sort key, it gives a shuffled order that depends on the names only."""
    return hashlib.sha256(name.encode()).digest()


def hash_seed(name: str, num_bytes: int) -> int:
    """Return a random seed from the first `num_bytes` of the SHA-256 of a name, little-endian."""
    return int.from_bytes(hash_key(name)[:num_bytes], "little")
