"""Search for pairs of images with nearly equal perceptual signatures, without a comparison of all pairs."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pangea_cultural.utils.perceptual_hash import COLOR_BYTES, HASH_BYTES

MAX_DISTANCE = 23
"""Largest number of different bits, of 256. Unrelated photos differ in 128 on average, and hardly ever in under 90."""
MAX_HUE_DISTANCE = 6
"""Largest mean difference of the hues, of 255 levels."""
GROUP = 8
"""Bytes of a group. 23 different bits leave 9 of the 32 bytes equal, so that one of the 4 groups has 3 equal ones."""
EQUAL_BYTES = 3
KEYS = [
    key
    for first in range(0, HASH_BYTES, GROUP)
    for key in itertools.combinations(range(first, first + GROUP), EQUAL_BYTES)
]
"""Places of three bytes: each pair within the distance has equal bytes at one of them. There are 224."""
BLOCK = 2048
"""Images of a bucket that are compared at once with as many others: 16 MB."""
SMALL = 64
"""Largest bucket whose pairs are listed together with those of all others."""

Pairs = np.ndarray
"""Indices of images, int64, in two columns: the first one is smaller."""


def pairs(hashes: np.ndarray, colors: np.ndarray) -> Pairs:
    """Return pairs of near-duplicates that connect all images that are near-duplicates of each other.

    All pairs of different hashes are found (pigeonhole principle). Of images with equal hashes and hues, only the pairs
    with the first one are returned: a million copies would have 5e11 pairs.

    Args:
        hashes: uint8, shape (images, 32).
        colors: uint8, shape (images, 32).
    """
    if not len(hashes):
        return np.empty((0, 2), np.int64)
    signatures = np.ascontiguousarray(np.concatenate([hashes, colors], axis=1))
    _, first, group = np.unique(signatures, axis=0, return_index=True, return_inverse=True)
    copies = np.stack([first[group.ravel()], np.arange(len(hashes))], axis=1)
    found = first[_different(hashes[first], colors[first].astype(np.int16))]
    result = np.concatenate([copies[copies[:, 0] != copies[:, 1]], np.sort(found, axis=1)])
    return np.unique(result, axis=0)


def _different(hashes: np.ndarray, colors: np.ndarray) -> Pairs:
    """Return the pairs of images with different signatures."""
    words = np.ascontiguousarray(hashes).view(np.uint64)
    # numpy sorts and compares without Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = list(threads.map(lambda key: _with_equal_bytes(key, hashes, words, colors), KEYS))
    return np.unique(np.concatenate(found), axis=0)


def _with_equal_bytes(key: tuple[int, ...], hashes: np.ndarray, words: np.ndarray, colors: np.ndarray) -> Pairs:
    """Return the near-duplicates among the images that have equal bytes at three places."""
    values = np.zeros(len(hashes), np.int32)
    for place in key:
        values = values << 8 | hashes[:, place]
    order = np.argsort(values)
    starts = np.flatnonzero(np.diff(values[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    found = [np.empty((0, 2), np.int64), *_in_small(order, starts, sizes, words, colors)]
    for index in np.flatnonzero(sizes > SMALL):
        found += _in_bucket(order[starts[index] : starts[index] + sizes[index]], words, colors)
    return np.unique(np.concatenate(found), axis=0)


def _in_small(
    order: np.ndarray, starts: np.ndarray, sizes: np.ndarray, words: np.ndarray, colors: np.ndarray
) -> list[Pairs]:
    """Compare the images within small buckets: neighbors at each distance in the order, for all buckets at once."""
    ends = np.repeat(starts + sizes, sizes)
    small = np.flatnonzero(np.repeat((sizes > 1) & (sizes <= SMALL), sizes))
    found = []
    for step in range(1, SMALL):
        small = small[small + step < ends[small]]
        if not len(small):
            break
        found.append(_near(order[small], order[small + step], words, colors))
    return found


def _in_bucket(members: np.ndarray, words: np.ndarray, colors: np.ndarray) -> list[Pairs]:
    """Compare all images of a large bucket, block by block."""
    found = []
    for one in range(0, len(members), BLOCK):
        left = members[one : one + BLOCK]
        for other in range(one, len(members), BLOCK):
            right = members[other : other + BLOCK]
            distances = np.zeros((len(left), len(right)), np.uint16)
            for word in range(words.shape[1]):
                distances += np.bitwise_count(words[left, word][:, None] ^ words[right, word][None, :])
            i, j = np.nonzero(distances <= MAX_DISTANCE)
            distinct = left[i] != right[j]
            found.append(_near(left[i][distinct], right[j][distinct], words, colors))
    return found


def _near(left: np.ndarray, right: np.ndarray, words: np.ndarray, colors: np.ndarray) -> Pairs:
    """Return the pairs whose hashes and hues are near."""
    near = np.bitwise_count(words[left] ^ words[right]).sum(axis=1) <= MAX_DISTANCE
    left, right = left[near], right[near]
    hues = np.abs(colors[left] - colors[right]).sum(axis=1) <= MAX_HUE_DISTANCE * COLOR_BYTES
    return np.sort(np.stack([left[hues], right[hues]], axis=1), axis=1)
