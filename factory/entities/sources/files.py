"""Files source: answers of Special:EntityData or the entity API, in one file or a folder.

A file holds one document, a list of documents, JSON Lines, or `{"entities": {id: document}}` like Wikidata's answers.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from factory.entities.base import Batch
from factory.entities.sources import dump
from factory.entities.sources.decompress import SIGNATURES
from factory.entities.sources.dump import BATCH_BYTES
from factory.entities.sources.layouts import BOM
from pangea_cultural.errors import UserError

SUFFIXES = (".json", ".jsonl", ".ndjson")
"""Names of files in a folder that are read. Others, such as a README, are ignored."""


class FilesSource:
    """Entity documents from JSON files, in the order of the file names.

    Args:
        path: a file, or a folder with files, subfolders included.
        name: name of the source in the store.

    Raises:
        UserError: the folder has no file with one of the suffixes.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._paths = paths(path)
        self.name = name
        if not self._paths:
            raise UserError(f"No {' or '.join(SUFFIXES)} file in {path}. Check the source's path.")
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
                content = path.read_bytes().removeprefix(BOM)
            except OSError as error:
                raise UserError(f"Cannot read {path}: {error.strerror}. Check the source's path.") from error
            if content.startswith(tuple(SIGNATURES)):
                raise UserError(f'{path} is compressed. Read it with a source of type = "dump".')
            yield from _documents_of(content)


def paths(path: Path) -> list[Path]:
    """Return the files of a source: the file itself, or those of a folder and its subfolders."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())


def _documents_of(content: bytes) -> list[bytes]:
    """Return the documents of a file, unparsed: a parser that writes them again has limits of its own."""
    try:
        text = content.strip()
        if text.startswith(b"["):
            return [bytes(row) for row in msgspec.json.decode(text, type=list[msgspec.Raw])]
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        entities = bytes(members.get("entities", b""))
        if entities.startswith(b"{"):
            return [bytes(row) for row in msgspec.json.decode(entities, type=dict[str, msgspec.Raw]).values()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # JSON Lines, or broken: what is not a document is rejected with a reason.
        return [text for _, text in dump.documents(io.BytesIO(content), 0)] or [content]
    return [text]
