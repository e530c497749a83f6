"""Files source: answers of Special:EntityData or the entity API, in one file or a folder.

A file holds one document, a list of documents, or `{"entities": {id: document}}` like Wikidata's answers.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from factory.entities.base import Batch
from factory.entities.sources.dump import BATCH_BYTES
from pangea_cultural.errors import UserError


class FilesSource:
    """Entity documents from JSON files, in the order of the file names.

    Args:
        path: a file, or a folder with .json files, subfolders included.
        name: name of the source in the store.

    Raises:
        UserError: the folder has no .json file.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._paths = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        self.name = name
        if not self._paths:
            raise UserError(f"No .json file in {path}. Check the source's path.")
        self.size_bytes = sum(path.stat().st_size for path in self._paths)

    def batches(self, is_candidate: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """Yield the documents after document `start`. All are candidates, because the user chose the files."""
        batch, num_bytes = Batch(last=start), 0
        for number, text in enumerate(self._documents(), 1):
            if number <= start:
                continue
            batch.last = number
            batch.lines.append((number, text))
            num_bytes += len(text)
            batch.bytes_read = min(self.size_bytes, batch.bytes_read + len(text))
            if num_bytes >= BATCH_BYTES:
                yield batch
                batch, num_bytes = Batch(last=number, bytes_read=batch.bytes_read), 0
        if batch.lines:
            yield batch

    def _documents(self) -> Iterator[bytes]:
        for path in self._paths:
            try:
                content = orjson.loads(path.read_bytes())
            except OSError as error:
                raise UserError(f"Cannot read {path}: {error.strerror}. Check the source's path.") from error
            except orjson.JSONDecodeError:
                yield path.read_bytes()[:1000]  # the parser rejects it with a reason
                continue
            yield from (orjson.dumps(document) for document in _documents_of(content))


def _documents_of(content: Any) -> list[Any]:
    if isinstance(content, dict) and isinstance(content.get("entities"), dict):
        return list(content["entities"].values())
    return content if isinstance(content, list) else [content]
