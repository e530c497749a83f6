"""The source of entity files: what Special:EntityData or the entity API has answered, in a file or a folder of them.

A file holds one document, a list of documents, or `{"entities": {id: document}}` as Wikidata's answers do.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from factory.entities.base import Batch
from factory.entities.sources.dump import BATCH_BYTES
from pangea_cultural.errors import UserError


class FilesSource:
    """Entity documents from JSON files, in the order of their names.

    Args:
        path: a file, or a folder with .json files, also in subfolders.
        name: stands in the store as the place that rows came from.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._paths = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        self.name = name
        if not self._paths:
            raise UserError(f"no .json file in {path}")
        self.size_bytes = sum(path.stat().st_size for path in self._paths)

    def batches(self, wanted: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """The documents from a position on. All are let through: who chose files wants them looked at."""
        batch, waiting = Batch(last=start), 0
        for number, text in enumerate(self._documents(), 1):
            if number <= start:
                continue
            batch.last = number
            batch.lines.append((number, text))
            waiting += len(text)
            batch.bytes_read = min(self.size_bytes, batch.bytes_read + len(text))
            if waiting >= BATCH_BYTES:
                yield batch
                batch, waiting = Batch(last=number, bytes_read=batch.bytes_read), 0
        if batch.lines:
            yield batch

    def _documents(self) -> Iterator[bytes]:
        for path in self._paths:
            try:
                content = orjson.loads(path.read_bytes())
            except OSError as error:
                raise UserError(f"cannot read {path}: {error.strerror}") from error
            except orjson.JSONDecodeError:
                yield path.read_bytes()[:1000]  # the parser will say what is wrong, and count it
                continue
            yield from (orjson.dumps(document) for document in _documents_of(content))


def _documents_of(content: Any) -> list[Any]:
    if isinstance(content, dict) and isinstance(content.get("entities"), dict):
        return list(content["entities"].values())
    return content if isinstance(content, list) else [content]
