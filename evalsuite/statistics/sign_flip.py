"""The sign-flip test of two runs: whether clusters favor one of them more than chance explains.

If two models are equally good, exchanging their answers about an image changes nothing but the sign of its
difference. The test compares the sum of the differences with the sums under such exchanges of whole clusters.
"""

import numpy as np

from evalsuite.statistics.clusters import Floats

FLIPS = 9_999
LARGEST_BATCH = 4_000_000
"""Number of signs in memory at a time."""


def sign_flip(differences: Floats, *, seed: int = 0, flips: int = FLIPS) -> float:
    """Return the two-sided p-value. It is exact for few clusters with a difference, and by random flips for others.

    Args:
        differences: difference of each cluster, in its share of the mean.
        seed: seed of the flips.
        flips: number of random flips.
    """
    changed = differences[differences != 0]
    if not len(changed):
        return 1.0
    # Sums that differ by rounding only are equal.
    observed = abs(changed.sum()) - 1e-9 * np.abs(changed).sum()
    if 2 ** len(changed) <= flips:
        patterns = np.arange(2 ** len(changed))[:, None] >> np.arange(len(changed)) & 1
        return float((np.abs((2 * patterns - 1) @ changed) >= observed).mean())
    rng = np.random.default_rng(seed)
    batch = max(1, LARGEST_BATCH // len(changed))
    count = 0
    for start in range(0, flips, batch):
        size = min(batch, flips - start)
        bits = np.unpackbits(rng.integers(0, 256, (size, -(-len(changed) // 8)), dtype=np.uint8), axis=1)
        # A sum with flipped signs is twice the sum of the kept ones, less the sum of all.
        sums = 2 * (bits[:, : len(changed)] @ changed) - changed.sum()
        count += int((np.abs(sums) >= observed).sum())
    return (count + 1) / (flips + 1)
