"""Marks of readers: JSON Lines that only grow, so that two readers and a kill lose nothing."""

import datetime
import os
from pathlib import Path
from typing import Any, Literal

import orjson

from pangea_cultural.utils.files import write_bytes

Mark = Literal["right", "wrong"]
COMMENT = 2000
"""Characters of a comment that are kept."""


class Reviews:
    """The marks of one export."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listed = path.with_name(path.stem + "-list.jsonl")
        """The review list: the last mark of each reader and row. Each mark writes it again."""

    def add(self, row: dict[str, Any], mark: Mark, *, reader: str, comment: str) -> None:
        """Append a mark of a row. A later mark of the same reader replaces it when the marks are read.

        Raises:
            OSError: the file cannot be written.
        """
        entry = {
            "id": row["id"],
            "mark": mark,
            "reader": reader.strip()[:100],
            "comment": comment.strip()[:COMMENT],
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            **{key: row[key] for key in ("language", "entity", "property", "image", "question", "answer", "template")},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One write of one line: lines of two processes do not mix. An incomplete line is ended first.
        with self.path.open("ab+") as stream:
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                cut = stream.read(1) != b"\n"
            else:
                cut = False
            stream.write((b"\n" if cut else b"") + orjson.dumps(entry) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        write_bytes(self.listed, b"".join(orjson.dumps(found) + b"\n" for found in self.latest()))

    def latest(self) -> list[dict[str, Any]]:
        """Return the last mark of each reader and row, in the order of rows. Lines without JSON are left out."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        if self.path.is_file():
            for line in self.path.read_bytes().splitlines():
                try:
                    entry = orjson.loads(line)
                    found[entry["id"], entry["reader"]] = entry
                except (orjson.JSONDecodeError, KeyError, TypeError):
                    continue
        return [found[key] for key in sorted(found)]

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the last mark of each reader of a row."""
        return [entry for entry in self.latest() if entry["id"] == name]
