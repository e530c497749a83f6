"""Arrays that survive a kill while they are filled."""

import time
from pathlib import Path

import numpy as np

from pangea_cultural.utils.files import atomic_path

CHUNK = 4096
"""Conversations, or images, that are measured at once."""
SAVE_INTERVAL_S = 60
"""Seconds between saves. Millions of images on a network drive take an hour; a kill loses at most this time."""


class SavedArray:
    """An integer array that is filled step by step and saved to a file. Zero marks unknown values.

    Args:
        file: file of the array; None to keep it in memory only.
        shape: shape of a new array.
        dtype: type of a new array.
    """

    def __init__(self, file: Path | None, *shape: int, dtype: type[np.integer] = np.int32) -> None:
        self._file = file
        self.values = np.load(file) if file and file.is_file() else np.zeros(shape, dtype)
        self._last_save = time.monotonic()

    def save(self, *, is_last: bool) -> None:
        """Save the array if it is complete, or the last save is SAVE_INTERVAL_S ago. Call it after every chunk."""
        if self._file and (is_last or time.monotonic() > self._last_save + SAVE_INTERVAL_S):
            write_array(self._file, self.values)
            self._last_save = time.monotonic()


def write_array(file: Path, values: np.ndarray) -> None:
    """Write an array atomically."""
    with atomic_path(file) as temporary, temporary.open("wb") as stream:
        np.save(stream, values)
