"""A source on disk: built once, then memory-mapped, so that millions of questions cost no memory."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pangea_cultural.training.data import corpus_writer
from pangea_cultural.training.data.corpus_writer import BATCH_ROWS, FORMAT, MANIFEST, SEPARATOR, Filters
from pangea_cultural.training.data.rejections import ReasonCounter
from pangea_cultural.training.data.types import Conversation, Group, SourceRow
from pangea_cultural.utils.files import read_json


class Corpus:
    """Groups of conversations by number, in order of first appearance in the source.

    Pickling takes the place on disk only. A process that forks keeps the maps, which nobody writes to.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], source: int, root: Path) -> None:
        self._folder = folder
        self._manifest = manifest
        self._source = source
        self.root = root
        """Folder of the images."""
        self.key: str = manifest["key"]
        """Of the content."""
        self.files: dict[str, str] = manifest["files"]
        """SHA-256 of each file that it was read from."""
        self.languages: tuple[str, ...] = tuple(manifest["languages"])
        """What `language_codes` stand for, in order of first appearance."""
        self.regions: tuple[str, ...] = tuple(manifest["regions"])
        """What `region_codes` stand for; one is empty where the source does not say."""
        self.question_types: tuple[str, ...] = tuple(manifest["question_types"])
        """What `kind_codes` stand for."""
        self.rejected: dict[str, int] = manifest["rejected"]
        """How many rows were dropped, by reason."""
        self.examples: dict[str, list[str]] = manifest["examples"]
        """The ids of the first few rows that were dropped, by reason."""
        self.notes: dict[str, int] = manifest["notes"]
        """How many rows were taken with a remark, by remark."""

    def __reduce__(self) -> tuple:
        return Corpus, (self._folder, self._manifest, self._source, self.root)

    @classmethod
    def build(
        cls,
        rows: Iterable[SourceRow],
        folder: Path,
        *,
        key: str,
        files: dict[str, str] | None = None,
        name: str,
        filters: Filters | None = None,
        held_out: frozenset[str] = frozenset(),
        rejected: ReasonCounter | None = None,
        notes: ReasonCounter | None = None,
        source: int = 0,
        root: Path = Path(),
    ) -> "Corpus":
        """Write a corpus and open it; of several processes that do so at once, one writes and the others wait.

        Args:
            rows: of the source; gone through at most once.
            folder: where to; what lies there is replaced unless it has the key.
            key: of the content.
            files: SHA-256 of each file that the rows come from.
            name: what errors call the source.
            filters: which rows to take; all where not given.
            held_out: languages that no row that is taken may be in.
            rejected: what `filters` drops is added to what the reader of the rows counts in it.
            notes: what the reader of the rows found worth a note.
            source: number of the source, for its groups.
            root: folder of the images.

        Raises:
            UserError: a row is in a held-out language, or the reader of the rows raised it.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            found = cls.open(folder, key, source=source, root=root)
            if found is not None:
                return found
            corpus_writer.write(
                rows,
                folder,
                key=key,
                files=files or {},
                name=name,
                filters=filters or Filters(),
                held_out=held_out,
                rejected=rejected or ReasonCounter(),
                notes=notes or ReasonCounter(),
            )
        return cls(folder, read_json(folder / MANIFEST), source, root)

    @classmethod
    def open(cls, folder: Path, key: str, *, source: int = 0, root: Path = Path()) -> "Corpus | None":
        """The corpus in a folder; None where no complete one with the key lies there."""
        if not (folder / MANIFEST).is_file():
            return None
        manifest = read_json(folder / MANIFEST)
        if (manifest["format"], manifest["key"]) != (FORMAT, key):
            return None
        return cls(folder, manifest, source, root)

    @property
    def num_groups(self) -> int:
        """How many groups there are."""
        return len(self.sizes)

    @property
    def num_conversations(self) -> int:
        """How many conversations there are."""
        return len(self.language_codes)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Conversations of each group [groups], int32."""
        return self._array("sizes")

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each group begins, and the last one ends, in the order of groups [groups + 1], int64."""
        return self._array("starts")

    @cached_property
    def language_codes(self) -> np.ndarray:
        """Of each conversation in the order of groups [conversations], int16."""
        return self._array("language_codes")

    @cached_property
    def region_codes(self) -> np.ndarray:
        """Of each conversation in the order of groups [conversations], int16."""
        return self._array("region_codes")

    @cached_property
    def question_type_codes(self) -> np.ndarray:
        """Of each conversation in the order of groups [conversations], int16."""
        return self._array("question_type_codes")

    @cached_property
    def _order(self) -> np.ndarray:
        return self._array("order")

    @cached_property
    def _caption_rows(self) -> np.ndarray:
        return self._array("caption_rows")

    @cached_property
    def _rows(self) -> "_Columns":
        return _Columns(self._folder / "rows.arrow")

    @cached_property
    def _captions(self) -> "_Columns":
        return _Columns(self._folder / "captions.arrow")

    def _array(self, name: str) -> np.ndarray:
        # As a plain array: a memmap's own indexing is slow.
        return np.asarray(np.load(self._folder / f"{name}.npy", mmap_mode="r"))

    def group(self, index: int, picks: Sequence[int] | None = None) -> Group:
        """A group.

        Args:
            index: its number.
            picks: which of its conversations, by their places in the group; all where not given.
        """
        places = range(self.starts[index], self.starts[index + 1])
        chosen = places if picks is None else [places[pick] for pick in picks]
        return Group(self._source, self.paths(index), tuple(map(self._conversation, chosen)), self.caption(index))

    def images(self, index: int) -> tuple[str, ...]:
        """The images of a group, as paths below the folder of images; no text is read."""
        joined = self._rows.value("images", self._order[self.starts[index]])
        return tuple(joined.split(SEPARATOR)) if joined else ()

    def paths(self, index: int) -> tuple[Path, ...]:
        """The files of the images of a group."""
        return tuple(self.root / image for image in self.images(index))

    def texts(self, first: int, last: int) -> list[tuple[tuple[str, str], ...]]:
        """Questions and answers of the conversations from `first` to before `last`, in the order of groups."""
        return [self._turns(row) for row in self._order[first:last].tolist()]

    def _conversation(self, place: int) -> Conversation:
        row = self._order[place]
        return Conversation(
            self._rows.value("id", row),
            self.languages[self.language_codes[place]],
            self._turns(row),
            self.regions[self.region_codes[place]],
            self.question_types[self.question_type_codes[place]],
        )

    def _turns(self, row: int) -> tuple[tuple[str, str], ...]:
        texts = self._rows.value("turns", row)
        return tuple(zip(texts[::2], texts[1::2], strict=True))

    def caption(self, index: int) -> str:
        """What the image of a group shows, in English; empty where nobody says."""
        row = self._caption_rows[index]
        return self._captions.value("caption", row) if row >= 0 else ""


class _Columns:
    """Single values of a memory-mapped Arrow file."""

    def __init__(self, path: Path) -> None:
        table = corpus_writer.open_table(path)
        self._chunks = {name: table[name].chunks for name in table.column_names}

    def value(self, column: str, row: int) -> Any:
        return self._chunks[column][row // BATCH_ROWS][row % BATCH_ROWS].as_py()
