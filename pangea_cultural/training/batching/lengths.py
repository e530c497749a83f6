"""Token lengths of all questions and images, computed before training. Packing, dry run and exact resume need them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pangea_cultural.training.batching import image_sizes, saved_array
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.image_sizes import ImageSizes
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.batching.saved_array import SavedArray
from pangea_cultural.training.data import reasons
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.utils.console import Reporter


@dataclass(frozen=True)
class MeasuredSource:
    """The lengths of a source, and its broken images.

    Args:
        lengths: lengths in tokens.
        broken: whether an image of each group is missing or broken [groups].
        num_images: number of image files, with broken ones.
        problems: reason for each broken file.
    """

    lengths: Lengths
    broken: np.ndarray
    num_images: int
    problems: dict[str, str]

    def usable(self, max_length: int) -> np.ndarray:
        """Return whether each conversation fits into a row and has readable images [conversations]."""
        return ~(self._too_long(max_length) | self._is_broken)

    def excluded_counts(self, max_length: int) -> dict[str, int]:
        """Return the number of unusable conversations, by reason."""
        counts = {
            reasons.BROKEN_IMAGE: int(self._is_broken.sum()),
            reasons.TOO_LONG: int((self._too_long(max_length) & ~self._is_broken).sum()),
        }
        return {reason: count for reason, count in counts.items() if count}

    @property
    def _is_broken(self) -> np.ndarray:
        return np.repeat(self.broken, np.diff(self.lengths.starts))

    def _too_long(self, max_length: int) -> np.ndarray:
        prefix = np.repeat(self.lengths.prefix, np.diff(self.lengths.starts))
        return self.lengths.conversations + prefix > max_length


def measure(
    corpus: Corpus,
    template: ChatTemplate,
    image_tokens: ImageTokenCounter,
    cache: Path,
    key: str,
    reporter: Reporter,
    freeze: Callable[[ImageSizes], ImageSizes] | None = None,
) -> MeasuredSource:
    """Measure a source, or read earlier measurements.

    Args:
        corpus: the source.
        template: chat template of the model.
        image_tokens: token counter of the model.
        cache: folder of the measurements. Only images that have changed, or were broken, are measured again.
        key: hash of source, tokenizer and processor.
        reporter: shows progress.
        freeze: returns the sizes that count for a run, of those that are measured now.
    """
    text = _text_lengths(corpus, template, cache / f"{key}-texts.npy", reporter)
    # The same rows may be used with images in another folder.
    folder_hash = hashlib.sha256(str(corpus.image_root).encode()).hexdigest()[:8]
    sizes = image_sizes.measure(corpus, cache / f"{corpus.key}-{folder_hash}-image-sizes.npy", reporter)
    return with_images(corpus, text, len(template.header), image_tokens, freeze(sizes) if freeze else sizes)


def with_images(
    corpus: Corpus,
    text: np.ndarray,
    header: int,
    image_tokens: ImageTokenCounter,
    sizes: ImageSizes,
) -> MeasuredSource:
    """Return the lengths of a source whose text lengths are known or estimated.

    Args:
        corpus: the source.
        text: tokens of each conversation after the prefix, without images [conversations].
        header: tokens before the image.
        image_tokens: token counter of the model.
        sizes: sizes of the images.
    """
    image, inside, broken = _image_lengths(corpus, sizes.readable, image_tokens)
    prefix = (header + image).astype(np.int32)
    conversations = (text + np.repeat(inside, np.diff(corpus.starts))).astype(np.int32)
    lengths = Lengths(corpus.starts, prefix, image, conversations)
    return MeasuredSource(lengths, broken, len(sizes.paths), sizes.problems)


def _text_lengths(corpus: Corpus, template: ChatTemplate, cache: Path, reporter: Reporter) -> np.ndarray:
    """Return the tokens of each conversation without images [conversations]."""
    saved = SavedArray(cache, corpus.num_conversations)
    counts = saved.values
    begin = int(np.count_nonzero(counts))
    if begin == len(counts):
        return counts
    num_images = np.repeat([len(corpus.images(group)) for group in range(corpus.num_groups)], corpus.sizes)
    with reporter.bar("measuring texts", corpus.num_conversations - begin, "conversations") as bar:
        for start in range(begin, corpus.num_conversations, saved_array.CHUNK):
            stop = min(start + saved_array.CHUNK, corpus.num_conversations)
            conversations = zip(corpus.texts(start, stop), num_images[start:stop].tolist(), strict=True)
            spans = [list(template.spans(turns, num_images=number)) for turns, number in conversations]
            counts[start:stop] = template.count_tokens(spans)
            bar.advance(stop - start)
            saved.save(is_last=stop == corpus.num_conversations)
    return counts


def _image_lengths(
    corpus: Corpus, sizes: dict[Path, tuple[int, int]], image_tokens: ImageTokenCounter
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image tokens in each prefix, image tokens in each text, and whether an image is broken; all [groups]."""
    image = np.zeros(corpus.num_groups, np.int32)
    inside = np.zeros(corpus.num_groups, np.int32)
    broken = np.zeros(corpus.num_groups, bool)
    for group in range(corpus.num_groups):
        paths = corpus.paths(group)
        if any(path not in sizes for path in paths):
            broken[group] = True
        else:
            tokens = sum(image_tokens.count(sizes[path]) for path in paths)
            (image if len(paths) == 1 else inside)[group] = tokens
    return image, inside, broken
