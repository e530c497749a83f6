"""The access log: one JSON line for each request, without content, keys or addresses of clients."""

import datetime
import logging
import os
from pathlib import Path
from typing import Any

import orjson

MAX_BYTES = 20_000_000
"""Size of a file, after which a new one begins."""
OLD_FILES = 3
"""Full files that are kept."""
OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
LOGGER = logging.getLogger(__name__)


class AccessLog:
    """A file with a line for each request. Full files get a number: `access.jsonl.1` is the newest.

    Args:
        path: the file; empty to write nothing.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._file: int | None = None
        self._size = 0

    def write(self, entry: dict[str, Any]) -> None:
        """Append a line. A full disk must not end the service: the error goes to the server's log."""
        if self._path is None:
            return
        try:
            line = orjson.dumps({"time": datetime.datetime.now(datetime.UTC)} | entry, option=OPTIONS)
            file = self._open(self._path)
            self._size += os.write(file, line)
            if self._size > MAX_BYTES:
                self._rotate(self._path)
        except OSError as error:
            LOGGER.error("The access log %s was not written: %s.", self._path, error.strerror)
            self.close()

    def _open(self, path: Path) -> int:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Names of keys and times of requests are for the operator only.
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
        return self._file

    def _rotate(self, path: Path) -> None:
        self.close()
        names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, OLD_FILES + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
