"""Sizes of the images of a source: measured once for each content, and fixed for a run at its first start."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.training.batching import saved_array
from pangea_cultural.training.batching.saved_array import SavedArray
from pangea_cultural.training.data.corpus import Corpus
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import read_json, write_json
from pangea_cultural.utils.images import read_size

HEIGHT, WIDTH, BYTES, MODIFIED = range(4)
"""Columns: size in pixels, size of the file, and its time in nanoseconds. A broken image has zeros."""


@dataclass(frozen=True)
class ImageSizes:
    """The images of a source.

    Args:
        paths: image files.
        values: columns as above [images, 4], int64.
        problems: reason for each broken file.
    """

    paths: list[Path]
    values: np.ndarray
    problems: dict[str, str]

    @property
    def readable(self) -> dict[Path, tuple[int, int]]:
        """Height and width of each readable image."""
        known = zip(self.paths, self.values[:, :BYTES].tolist(), strict=True)
        return {path: (height, width) for path, (height, width) in known if height}


def measure(corpus: Corpus, cache: Path | None, reporter: Reporter) -> ImageSizes:
    """Measure the images of a source. Those whose size and time in the file system are as before are not read.

    Args:
        corpus: the source.
        cache: file of earlier measurements; None for none.
        reporter: shows progress.
    """
    paths = list(dict.fromkeys(path for group in range(corpus.num_groups) for path in corpus.paths(group)))
    saved = SavedArray(cache, len(paths), 4, dtype=np.int64)
    problems: dict[str, str] = {}
    before = saved.values.copy()
    with ThreadPoolExecutor() as pool, reporter.bar("measuring images", len(paths), "images") as bar:
        for start in range(0, len(paths), saved_array.CHUNK):
            chunk = slice(start, start + saved_array.CHUNK)
            for index, found in enumerate(pool.map(_measured, paths[chunk], before[chunk].tolist()), start):
                if isinstance(found, str):
                    problems[str(paths[index])] = found
                    found = [0, 0, 0, 0]
                saved.values[index] = found
            bar.advance(len(paths[chunk]))
            if not np.array_equal(saved.values[chunk], before[chunk]):
                saved.save(is_last=False)
    if not np.array_equal(saved.values, before):
        saved.save(is_last=True)
    return ImageSizes(paths, saved.values, problems)


def _measured(path: Path, known: list[int]) -> list[int] | str:
    """Return the columns of an image, or why it is broken."""
    try:
        content = _content(path)
        if known[HEIGHT] and known[BYTES:] == content:
            return known
        return [*read_size(path), *content]
    except ImageError as error:
        return error.reason


def _content(path: Path) -> list[int]:
    """Return size and time of a file; zeros if there is none, which `read_size` then reports."""
    try:
        status = path.stat()
    except OSError:
        return [0, 0]
    return [status.st_size, status.st_mtime_ns]


class FrozenSizes:
    """The images as they were when a run was started. Packing and the order of questions depend on them.

    An image that was broken stays excluded when it is repaired. One that is missing later keeps its place: it is
    skipped and counted when a step shows it.

    Args:
        folder: folder of the run, where the first start saves them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def apply(self, source: int, sizes: ImageSizes) -> ImageSizes:
        """Return the images of a source as they were.

        Args:
            source: index of the source.
            sizes: the images as they are now.

        Raises:
            UserError: an image has another size in pixels than before. Another file of the same size is a repaired one.
        """
        problems, file = self._folder / f"images-{source}.json", self._folder / f"images-{source}.npy"
        if not file.is_file():
            write_json(problems, sizes.problems)
            saved_array.write_array(file, sizes.values)
            return sizes
        first, now = np.load(file), sizes.values
        readable = (first[:, HEIGHT] > 0) & (now[:, HEIGHT] > 0)
        changed = np.flatnonzero(readable & (first[:, :BYTES] != now[:, :BYTES]).any(axis=1))
        if len(changed):
            raise UserError(
                f"{len(changed):,} images have changed since the run was started, such as {sizes.paths[changed[0]]}. "
                "Restore them, or rerun with --restart."
            )
        return replace(sizes, values=first, problems=read_json(problems))
