"""Token lengths of all questions and images, computed before training. Packing, dry run and exact resume need them."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pangea_cultural.errors import ImageError
from pangea_cultural.training.batching.chat_template import ChatTemplate
from pangea_cultural.training.batching.images import ImageTokenCounter
from pangea_cultural.training.batching.packing import Lengths
from pangea_cultural.training.data import reasons
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_path, read_json, write_json
from pangea_cultural.utils.images import read_size

CHUNK = 4096
"""Conversations, or images, that are measured at once."""
SAVE_INTERVAL_S = 60
"""Seconds between saves. Millions of images on a network drive take an hour; a kill loses at most this time."""


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
    corpus: Corpus, template: ChatTemplate, image_tokens: ImageTokenCounter, cache: Path, key: str, reporter: Reporter
) -> MeasuredSource:
    """Measure a source, or read earlier measurements.

    Args:
        corpus: the source.
        template: chat template of the model.
        image_tokens: token counter of the model.
        cache: folder of the measurements. Only images that were missing or broken are measured again.
        key: hash of source, tokenizer and processor.
        reporter: shows progress.
    """
    text = _text_lengths(corpus, template, cache / f"{key}-texts.npy", reporter)
    # The same rows may be used with images in another folder.
    folder_hash = hashlib.sha256(str(corpus.image_root).encode()).hexdigest()[:8]
    sizes = cache / f"{corpus.key}-{folder_hash}-images.npy"
    return measure_images(corpus, text, len(template.header), image_tokens, reporter, cache=sizes)


def measure_images(
    corpus: Corpus,
    text: np.ndarray,
    header: int,
    image_tokens: ImageTokenCounter,
    reporter: Reporter,
    *,
    cache: Path | None = None,
) -> MeasuredSource:
    """Measure the images of a source whose text lengths are known or estimated.

    Args:
        corpus: the source.
        text: tokens of each conversation after the prefix, without images [conversations].
        header: tokens before the image.
        image_tokens: token counter of the model.
        reporter: shows progress.
        cache: file for the image sizes; None for none.
    """
    sizes, problems = _image_sizes(corpus, cache, reporter)
    image, inside, broken = _image_lengths(corpus, sizes, image_tokens)
    prefix = (header + image).astype(np.int32)
    conversations = (text + np.repeat(inside, np.diff(corpus.starts))).astype(np.int32)
    lengths = Lengths(corpus.starts, prefix, image, conversations)
    return MeasuredSource(lengths, broken, len(sizes) + len(problems), problems)


def frozen_exclusions(folder: Path, measured: list[MeasuredSource]) -> list[MeasuredSource]:
    """Return the sources with the broken images of the run's first start.

    An image that is repaired in the meantime stays excluded: its questions would change the order of all others.

    Args:
        folder: folder of the run, where the first start saves its broken images.
        measured: current measurements.
    """
    problems, broken = folder / "broken.json", folder / "broken.npz"
    if not broken.is_file():
        write_json(problems, [source.problems for source in measured])
        with atomic_path(broken) as temporary, temporary.open("wb") as stream:
            np.savez(stream, *(source.broken for source in measured))
    with np.load(broken) as frozen:
        return [
            replace(source, broken=frozen[f"arr_{index}"], problems=frozen_problems)
            for index, (source, frozen_problems) in enumerate(zip(measured, read_json(problems), strict=True))
        ]


class SavedArray:
    """An int32 array that is filled step by step and saved to a file. Zero marks unknown values.

    Args:
        file: file of the array; None to keep it in memory only.
        shape: shape of a new array.
    """

    def __init__(self, file: Path | None, *shape: int) -> None:
        self._file = file
        self.values = np.load(file) if file and file.is_file() else np.zeros(shape, np.int32)
        self._last_save = time.monotonic()

    def save(self, *, is_last: bool) -> None:
        """Save the array if it is complete, or the last save is SAVE_INTERVAL_S ago. Call it after every chunk."""
        if self._file and (is_last or time.monotonic() > self._last_save + SAVE_INTERVAL_S):
            with atomic_path(self._file) as temporary, temporary.open("wb") as stream:
                np.save(stream, self.values)
            self._last_save = time.monotonic()


def _text_lengths(corpus: Corpus, template: ChatTemplate, cache: Path, reporter: Reporter) -> np.ndarray:
    """Return the tokens of each conversation without images [conversations]."""
    saved = SavedArray(cache, corpus.num_conversations)
    counts = saved.values
    begin = int(np.count_nonzero(counts))
    if begin == len(counts):
        return counts
    num_images = np.repeat([len(corpus.images(group)) for group in range(corpus.num_groups)], corpus.sizes)
    with reporter.bar("measuring texts", corpus.num_conversations - begin, "conversations") as bar:
        for start in range(begin, corpus.num_conversations, CHUNK):
            stop = min(start + CHUNK, corpus.num_conversations)
            conversations = zip(corpus.texts(start, stop), num_images[start:stop].tolist(), strict=True)
            spans = [list(template.spans(turns, num_images=number)) for turns, number in conversations]
            counts[start:stop] = template.count_tokens(spans)
            bar.advance(stop - start)
            saved.save(is_last=stop == corpus.num_conversations)
    return counts


def _image_sizes(
    corpus: Corpus, cache: Path | None, reporter: Reporter
) -> tuple[dict[Path, tuple[int, int]], dict[str, str]]:
    """Return height and width of each readable image, and the reason for each broken one."""
    paths = list(dict.fromkeys(path for group in range(corpus.num_groups) for path in corpus.paths(group)))
    saved = SavedArray(cache, len(paths), 2)
    sizes = saved.values
    problems = {}
    unknown = np.flatnonzero(sizes[:, 0] == 0)
    with ThreadPoolExecutor() as pool, reporter.bar("measuring images", len(unknown), "images") as bar:
        for start in range(0, len(unknown), CHUNK):
            chunk = unknown[start : start + CHUNK]
            for index, size in zip(chunk, pool.map(_size_or_reason, [paths[n] for n in chunk]), strict=True):
                if isinstance(size, str):
                    problems[str(paths[index])] = size
                else:
                    sizes[index] = size
            bar.advance(len(chunk))
            saved.save(is_last=start + CHUNK >= len(unknown))
    known = zip(paths, sizes.tolist(), strict=True)
    return {path: (height, width) for path, (height, width) in known if height}, problems


def _size_or_reason(path: Path) -> tuple[int, int] | str:
    try:
        return read_size(path)
    except ImageError as error:
        return error.reason


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
