"""The numbered files of a split: a file of a given size is finished, and the next one begins."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from factory.exchange.target import HashingFile, Target

Writer = TypeVar("Writer")


class Shards(Generic[Writer]):
    """Files that are written one after another. Use it as a context manager.

    Args:
        target: folder of the files.
        name: returns the name of a file by its number.
        begin: returns the writer of a new file, which is closed before the file.
        max_bytes: size after which a new file begins.
    """

    def __init__(
        self,
        target: Target,
        name: Callable[[int], str],
        begin: Callable[[HashingFile], AbstractContextManager[Writer]],
        max_bytes: int,
    ) -> None:
        self.names: list[str] = []
        """Names of the files so far."""
        self._target, self._name, self._begin, self._max_bytes = target, name, begin, max_bytes
        self._stack = contextlib.ExitStack()
        self._file: HashingFile | None = None
        self._writer: Writer | None = None

    def __enter__(self) -> "Shards[Writer]":
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def writer(self) -> Writer:
        """Return the writer of the file that is not full yet."""
        if self._file is not None and self._file.tell() >= self._max_bytes:
            self._stack.close()
            self._writer = None
        if self._writer is None:
            self.names.append(self._name(len(self.names)))
            self._file = self._stack.enter_context(self._target.open(self.names[-1]))
            self._writer = self._stack.enter_context(self._begin(self._file))
        return self._writer
