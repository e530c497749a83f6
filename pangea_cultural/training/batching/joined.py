"""Images that several sources ask about: their chunks are trained in the same step, so that they share the image."""

import hashlib

import numpy as np

from pangea_cultural.training.data.corpus import Corpus


def share_folder(corpora: list[Corpus]) -> list[bool]:
    """Return for each source whether another one has its images in the same folder."""
    roots = [corpus.image_root.resolve() for corpus in corpora]
    return [roots.count(root) > 1 for root in roots]


def image_keys(corpus: Corpus) -> np.ndarray:
    """Return a key of the image of each group, and 0 for a group without one image of its own [groups], int64."""
    keys = np.zeros(corpus.num_groups, np.int64)
    root = corpus.image_root.resolve()
    for group in range(corpus.num_groups):
        images = corpus.images(group)
        if len(images) == 1:
            digest = hashlib.blake2b(f"{root}\0{images[0]}".encode(), digest_size=8).digest()
            keys[group] = int.from_bytes(digest, "little", signed=True) | 1
    return keys


def order(
    images: np.ndarray, sources: np.ndarray, sizes: np.ndarray, max_questions: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return an order of chunks in which those of several sources about one image follow each other.

    The first chunk of a source about an image goes with the first one of another source, and so on. The earliest of
    them stays where it is.

    Args:
        images: key of the image of each chunk; 0 if it shares none [chunks].
        sources: source of each chunk [chunks].
        sizes: questions of each chunk [chunks].
        max_questions: most questions about an image in a step.

    Returns:
        The order, and whether each chunk in it follows another one about the same image; both [chunks].
    """
    number = len(images)
    shared = np.flatnonzero(images)
    turn = _rank(images[shared], sources[shared])
    # Chunks of one image and turn are of different sources, in their order.
    arranged = shared[np.lexsort((shared, turn, images[shared]))]
    turns = np.zeros(number, np.int64)
    turns[shared] = turn
    is_first = np.ones(len(arranged), bool)
    is_first[1:] = (np.diff(images[arranged]) != 0) | (np.diff(turns[arranged]) != 0)
    firsts = np.flatnonzero(is_first)
    first_of = firsts[np.cumsum(is_first) - 1] if len(arranged) else firsts
    questions = np.cumsum(sizes[arranged])
    before = (questions - sizes[arranged])[first_of]
    moves = ~is_first & (questions - before <= max_questions)
    place = np.arange(number)
    place[arranged[moves]] = arranged[first_of[moves]]
    follows = np.zeros(number, bool)
    follows[arranged[moves]] = True
    new_order = np.lexsort((np.arange(number), follows, place))
    return new_order, follows[new_order]


def _rank(images: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Return how many chunks of the same image and source come before each chunk."""
    arranged = np.lexsort((np.arange(len(images)), sources, images))
    is_first = np.ones(len(images), bool)
    is_first[1:] = (np.diff(images[arranged]) != 0) | (np.diff(sources[arranged]) != 0)
    positions = np.arange(len(images))
    ranks = np.empty(len(images), np.int64)
    ranks[arranged] = positions - np.maximum.accumulate(np.where(is_first, positions, 0))
    return ranks
