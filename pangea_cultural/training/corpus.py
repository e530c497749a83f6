"""A source on disk: read once, then memory-mapped, so that a training of twenty million questions holds none of them.

Rows lie in an Arrow file in the order in which they came; arrays beside it say which rows share a picture.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pangea_cultural.files import read_json, write_json
from pangea_cultural.training.records import Conversation, Group, Row

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("language", pa.string()),
        ("region", pa.string()),
        ("kind", pa.string()),
        ("turns", pa.list_(pa.list_(pa.string(), 2))),
        ("images", pa.list_(pa.string())),
        ("caption", pa.string()),
    ]
)
BATCH_ROWS = 4096
ROWS = "rows.arrow"
ARRAYS = "arrays.npz"
MANIFEST = "corpus.json"


class Corpus:
    """A source as groups of conversations that share a picture.

    Args:
        folder: where `build` has put it.
        source: number of the source in the recipe, for the groups.
        images: folder where paths of pictures begin.
    """

    def __init__(self, folder: Path, *, source: int, images: Path) -> None:
        self._folder = folder
        self._source = source
        self._images = images
        manifest = read_json(folder / MANIFEST)
        self.key: str = manifest["key"]
        self.languages: tuple[str, ...] = tuple(manifest["languages"])
        self.rejected: dict[str, int] = manifest["rejected"]
        self.examples: dict[str, list[str]] = manifest["examples"]
        arrays = np.load(folder / ARRAYS)
        self.starts: np.ndarray = arrays["starts"]
        """[groups + 1], where each group's conversations begin."""
        self.language_codes: np.ndarray = arrays["language_codes"]
        """[conversations], positions in `languages`, in the order of the groups."""
        self._order: np.ndarray = arrays["order"]
        self._file: pa.RecordBatchFileReader | None = None

    @property
    def num_groups(self) -> int:
        """Pictures, and conversations without a picture or with several."""
        return len(self.starts) - 1

    @property
    def num_conversations(self) -> int:
        """Conversations of all groups."""
        return len(self._order)

    def group(self, index: int, picks: Sequence[int] | np.ndarray | None = None) -> Group:
        """A group, with all conversations or those at the positions `picks`."""
        rows = self._order[self.starts[index] : self.starts[index + 1]]
        chosen = rows if picks is None else rows[picks]
        made = self._read(chosen)
        return Group(self._source, self._paths(made[0]), tuple(map(_conversation, made)), made[0]["caption"])

    def images(self, index: int) -> tuple[Path, ...]:
        """The pictures of a group."""
        return self._paths({"images": self._first("images", index)})

    def caption(self, index: int) -> str:
        """What the picture of a group shows, in English; empty where nobody says."""
        return self._first("caption", index)

    def conversations(self, first: int, last: int) -> Iterator[tuple[Conversation, int]]:
        """Conversations in the order of the groups, from `first` to before `last`, each with its number of pictures."""
        for row in self._read(self._order[first:last]):
            yield _conversation(row), len(row["images"])

    def _first(self, column: str, index: int) -> Any:
        batch, place = divmod(int(self._order[self.starts[index]]), BATCH_ROWS)
        return self._batch(batch).column(column)[place].as_py()

    def _paths(self, row: dict[str, Any]) -> tuple[Path, ...]:
        return tuple(self._images / name for name in row["images"])

    def _read(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Rows by their numbers. A batch at a time: to take from a table would put all its batches together first."""
        batches = rows // BATCH_ROWS
        ends = [*np.flatnonzero(np.diff(batches)) + 1, len(rows)]
        found = []
        for first, last in zip([0, *ends], ends, strict=False):
            places = pa.array(rows[first:last] % BATCH_ROWS)
            found += self._batch(int(batches[first])).take(places).to_pylist()
        return found

    def _batch(self, number: int) -> pa.RecordBatch:
        # Opened where it is used: a data worker that is forked or spawned maps the file itself.
        if self._file is None:
            self._file = pa.ipc.open_file(pa.memory_map(str(self._folder / ROWS)))
        return self._file.get_batch(number)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None}


def _conversation(row: dict[str, Any]) -> Conversation:
    turns = tuple((question, answer) for question, answer in row["turns"])
    return Conversation(row["id"], row["language"], turns, row["region"], row["kind"])


class Rejections:
    """Rows that cannot be used: counted by reason, with the first ids."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}

    def __call__(self, reason: str, row_id: str) -> None:
        """Count a row."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if self.counts[reason] <= 5:
            self.examples.setdefault(reason, []).append(row_id)


def exists(folder: Path, key: str) -> bool:
    """Whether a complete corpus of this key lies in a folder."""
    return (folder / MANIFEST).is_file() and read_json(folder / MANIFEST)["key"] == key


def build(rows: Iterable[Row], folder: Path, *, key: str, rejections: Rejections) -> None:
    """Write a corpus: all of it, or nothing.

    Rows with the same single picture form a group, wherever they stand in the source; groups come in the order of their
    first rows. A row without a picture, or with several, is a group of its own.

    Args:
        rows: what shall be learnt; it is gone through once.
        folder: where the corpus shall lie; replaced if it exists.
        key: names source and filters.
        rejections: what the reader of the rows has left out.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        groups, codes, languages = _write_rows(rows, work / ROWS)
        group_of = np.array(groups, np.int32)
        order = np.argsort(group_of, kind="stable")
        starts = np.searchsorted(group_of[order], np.arange(group_of.max(initial=-1) + 2))
        language_codes = np.array(codes, np.int16)[order]
        np.savez(work / ARRAYS, order=order, starts=starts, language_codes=language_codes)
        content = {"key": key, "languages": languages, "rejected": rejections.counts, "examples": rejections.examples}
        write_json(work / MANIFEST, content)
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_rows(rows: Iterable[Row], path: Path) -> tuple[list[int], list[int], list[str]]:
    """Write the rows; gives each one's group and number of its language, and the languages."""
    groups: list[int] = []
    codes: list[int] = []
    known: dict[str, int] = {}
    languages: dict[str, int] = {}
    num_groups = 0
    waiting: list[dict[str, Any]] = []
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, SCHEMA) as writer:
        for row in rows:
            group = known.setdefault(row.images[0], num_groups) if len(row.images) == 1 else num_groups
            num_groups += group == num_groups
            groups.append(group)
            codes.append(languages.setdefault(row.conversation.language, len(languages)))
            waiting.append(_columns(row))
            if len(waiting) == BATCH_ROWS:
                writer.write_batch(pa.RecordBatch.from_pylist(waiting, SCHEMA))
                waiting.clear()
        writer.write_batch(pa.RecordBatch.from_pylist(waiting, SCHEMA))
    return groups, codes, list(languages)


def _columns(row: Row) -> dict[str, Any]:
    own = row.conversation
    return {
        "id": own.id,
        "language": own.language,
        "region": own.region,
        "kind": own.kind,
        "turns": own.turns,
        "images": row.images,
        "caption": row.caption,
    }
