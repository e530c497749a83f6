"""How long everything is, before anything is learnt: packing, the dry run and exact resume stand on these numbers."""

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
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_path, read_json, write_json
from pangea_cultural.utils.images import read_size

CHUNK = 4096
"""Conversations, or images, that are measured at once."""
SAVED_EVERY_S = 60
"""Millions of images behind a network are looked at for an hour, of which a kill loses a minute."""


@dataclass(frozen=True)
class MeasuredSource:
    """The lengths of a source, and what cannot be learnt of it.

    Args:
        lengths: in tokens.
        broken: [groups], true where an image is missing or broken.
        num_images: files, broken ones included.
        problems: what is wrong with each broken file.
    """

    lengths: Lengths
    broken: np.ndarray
    num_images: int
    problems: dict[str, str]


def measure(
    corpus: Corpus, template: ChatTemplate, image_tokens: ImageTokenCounter, cache: Path, key: str, reporter: Reporter
) -> MeasuredSource:
    """Measure a source, or read what was measured before.

    Args:
        corpus: the source.
        template: makes conversations into tokens.
        image_tokens: of the model.
        cache: folder for what was measured; of images, only the missing and broken ones are looked at again.
        key: names source, tokenizer and processor.
        reporter: shows how far it is.
    """
    text = _text_lengths(corpus, template, cache / f"{key}-texts.npy", reporter)
    # The same rows may be learnt with images of another folder.
    place = hashlib.sha256(str(corpus.root).encode()).hexdigest()[:8]
    sizes = cache / f"{corpus.key}-{place}-images.npy"
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
    """Measure the images of a source whose texts are measured, or assumed.

    Args:
        corpus: the source.
        text: [conversations], tokens behind the prefix without images.
        header: tokens before the image.
        image_tokens: of the model.
        reporter: shows how far it is.
        cache: file for the images' sizes.
    """
    sizes, problems = _image_sizes(corpus, cache, reporter)
    image, inside, broken = _image_lengths(corpus, sizes, image_tokens)
    prefix = (header + image).astype(np.int32)
    conversations = (text + np.repeat(inside, np.diff(corpus.starts))).astype(np.int32)
    lengths = Lengths(corpus.starts, prefix, image, conversations)
    return MeasuredSource(lengths, broken, len(sizes) + len(problems), problems)


def frozen_exclusions(folder: Path, measured: list[MeasuredSource]) -> list[MeasuredSource]:
    """What was left out when a training began stays left out until its end: one image that is mended meanwhile would
    change the order of all questions.

    Args:
        folder: keeps it.
        measured: the sources, as they are now.
    """
    problems, broken = folder / "broken.json", folder / "broken.npz"
    if not broken.is_file():
        write_json(problems, [own.problems for own in measured])
        with atomic_path(broken) as temporary, temporary.open("wb") as stream:
            np.savez(stream, *(own.broken for own in measured))
    with np.load(broken) as kept:
        return [
            replace(own, broken=kept[f"arr_{number}"], problems=known)
            for number, (own, known) in enumerate(zip(measured, read_json(problems), strict=True))
        ]


class _Saved:
    """Numbers on disk that are zero until they are known; saved while they become known.

    Args:
        file: keeps them; None for nowhere.
        shape: of the array.
    """

    def __init__(self, file: Path | None, *shape: int) -> None:
        self._file = file
        self.values = np.load(file) if file and file.is_file() else np.zeros(shape, np.int32)
        self._saved = time.monotonic()

    def save(self, *, is_last: bool) -> None:
        """To be called after every chunk."""
        if self._file and (is_last or time.monotonic() > self._saved + SAVED_EVERY_S):
            with atomic_path(self._file) as temporary, temporary.open("wb") as stream:
                np.save(stream, self.values)
            self._saved = time.monotonic()


def _text_lengths(corpus: Corpus, template: ChatTemplate, cache: Path, reporter: Reporter) -> np.ndarray:
    """[conversations], tokens of text and marks."""
    kept = _Saved(cache, corpus.num_conversations)
    counts = kept.values
    begin = int(np.count_nonzero(counts))
    if begin == len(counts):
        return counts
    images = np.repeat([len(corpus.images(group)) for group in range(corpus.num_groups)], corpus.sizes)
    with reporter.bar("measuring texts", corpus.num_conversations - begin, "conversations") as bar:
        for first in range(begin, corpus.num_conversations, CHUNK):
            last = min(first + CHUNK, corpus.num_conversations)
            spans = [
                list(template.spans(turns, num_images=number))
                for turns, number in zip(corpus.texts(first, last), images[first:last].tolist(), strict=True)
            ]
            encoded = iter(template.encode([span.text for part in spans for span in part if span.text]))
            for number, part in enumerate(spans):
                counts[first + number] = sum(len(next(encoded)) if span.text else len(span.marks) for span in part)
            bar.advance(last - first)
            kept.save(is_last=last == corpus.num_conversations)
    return counts


def _image_sizes(
    corpus: Corpus, cache: Path | None, reporter: Reporter
) -> tuple[dict[Path, tuple[int, int]], dict[str, str]]:
    """Height and width of every image, and what is wrong with those that have none."""
    paths = list(dict.fromkeys(path for group in range(corpus.num_groups) for path in corpus.paths(group)))
    kept = _Saved(cache, len(paths), 2)
    sizes = kept.values
    problems = {}
    unknown = np.flatnonzero(sizes[:, 0] == 0)
    with ThreadPoolExecutor() as pool, reporter.bar("measuring images", len(unknown), "images") as bar:
        for first in range(0, len(unknown), CHUNK):
            chunk = unknown[first : first + CHUNK]
            for number, found in zip(chunk, pool.map(_size, [paths[n] for n in chunk]), strict=True):
                if isinstance(found, str):
                    problems[str(paths[number])] = found
                else:
                    sizes[number] = found
            bar.advance(len(chunk))
            kept.save(is_last=first + CHUNK >= len(unknown))
    known = zip(paths, sizes.tolist(), strict=True)
    return {path: (height, width) for path, (height, width) in known if height}, problems


def _size(path: Path) -> tuple[int, int] | str:
    try:
        return read_size(path)
    except ImageError as error:
        return str(error)


def _image_lengths(
    corpus: Corpus, sizes: dict[Path, tuple[int, int]], image_tokens: ImageTokenCounter
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of images in the prefix and inside the text, and whether one is broken; each [groups]."""
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
