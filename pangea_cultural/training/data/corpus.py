"""A source on disk: built once, then memory-mapped, so that millions of questions need little memory."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pangea_cultural.dataset.sources.rejections import ReadReport
from pangea_cultural.dataset.sources.types import Conversation, SourceRow
from pangea_cultural.training.data import corpus_writer
from pangea_cultural.training.data.corpus_writer import BATCH_ROWS, FORMAT, MANIFEST, SEPARATOR, CorpusSpec
from pangea_cultural.training.data.types import Group
from pangea_cultural.utils.files import read_json


class Corpus:
    """Groups of conversations by index, in order of first appearance in the source.

    Arrays that are "in group order" list the conversations of group 0, then those of group 1, and so on. Pickling
    stores the folder and the manifest only. Forked processes share the memory maps, which are read-only.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], source: int, image_root: Path) -> None:
        self._folder = folder
        self._manifest = manifest
        self._source = source
        self.image_root = image_root
        """Folder of the images."""
        self.key: str = manifest["key"]
        """Hash of the content."""
        self.files: dict[str, str] = manifest["files"]
        """SHA-256 of each file that the rows come from."""
        self.languages: tuple[str, ...] = tuple(manifest["languages"])
        """Vocabulary of `language_codes`, in order of first appearance."""
        self.regions: tuple[str, ...] = tuple(manifest["regions"])
        """Vocabulary of `region_codes`; an empty region is unknown."""
        self.question_types: tuple[str, ...] = tuple(manifest["question_types"])
        """Vocabulary of `question_type_codes`."""
        self.rejected: dict[str, int] = manifest["rejected"]
        """Number of rejected rows per reason."""
        self.examples: dict[str, list[str]] = manifest["examples"]
        """Ids of the first rejected rows per reason."""
        self.notes: dict[str, int] = manifest["notes"]
        """Number of rows that were kept with a remark, per remark."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Corpus, (self._folder, self._manifest, self._source, self.image_root)

    @classmethod
    def open(cls, folder: Path, spec: CorpusSpec) -> "Corpus | None":
        """Open the corpus in a folder; None if there is no complete one with the spec's key."""
        if not (folder / MANIFEST).is_file():
            return None
        manifest = read_json(folder / MANIFEST)
        if (manifest["format"], manifest["key"]) != (FORMAT, spec.key):
            return None
        return cls(folder, manifest, spec.source, spec.image_root)

    @classmethod
    def build(
        cls, rows: Iterable[SourceRow], folder: Path, spec: CorpusSpec, report: ReadReport | None = None
    ) -> "Corpus":
        """Write a corpus and open it. Of several processes that do so at once, one writes and the others wait.

        Args:
            rows: rows of the source; consumed at most once.
            folder: folder to create. An existing one is replaced unless it has the spec's key.
            spec: key, filters and held-out languages.
            report: report of the reader of `rows`. Rows that the filters reject are added to it.

        Raises:
            UserError: a row is in a held-out language, or the reader of the rows raised it.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            corpus = cls.open(folder, spec)
            if corpus is None:
                corpus_writer.write(rows, folder, spec, report or ReadReport())
                corpus = cls(folder, read_json(folder / MANIFEST), spec.source, spec.image_root)
        return corpus

    @property
    def num_groups(self) -> int:
        """Number of groups."""
        return len(self.sizes)

    @property
    def num_conversations(self) -> int:
        """Number of conversations."""
        return len(self.language_codes)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Number of conversations of each group [groups], int32."""
        return self._array("sizes")

    @cached_property
    def starts(self) -> np.ndarray:
        """First conversation of each group, and the total number, in group order [groups + 1], int64."""
        return self._array("starts")

    @cached_property
    def language_codes(self) -> np.ndarray:
        """Language of each conversation, in group order [conversations], int16."""
        return self._array("language_codes")

    @cached_property
    def region_codes(self) -> np.ndarray:
        """Region of each conversation, in group order [conversations], int16."""
        return self._array("region_codes")

    @cached_property
    def question_type_codes(self) -> np.ndarray:
        """Question type of each conversation, in group order [conversations], int16."""
        return self._array("question_type_codes")

    @cached_property
    def _order(self) -> np.ndarray:
        return self._array("order")

    @cached_property
    def _caption_rows(self) -> np.ndarray:
        return self._array("caption_rows")

    @cached_property
    def _rows(self) -> "_ArrowFile":
        return _ArrowFile(self._folder / "rows.arrow")

    @cached_property
    def _captions(self) -> "_ArrowFile":
        return _ArrowFile(self._folder / "captions.arrow")

    def _array(self, name: str) -> np.ndarray:
        # As a plain array: indexing of a memmap is slow.
        return np.asarray(np.load(self._folder / f"{name}.npy", mmap_mode="r"))

    def group(self, index: int, picks: Sequence[int] | None = None) -> Group:
        """Return a group.

        Args:
            index: index of the group.
            picks: positions of the conversations to include, within the group; None for all.
        """
        positions = range(self.starts[index], self.starts[index + 1])
        picked = positions if picks is None else [positions[pick] for pick in picks]
        return Group(self._source, self.paths(index), tuple(map(self._conversation, picked)), self.caption(index))

    def images(self, index: int) -> tuple[str, ...]:
        """Return the images of a group, as paths relative to `image_root`. No text is read."""
        joined = self._rows.value("images", self._order[self.starts[index]])
        return tuple(joined.split(SEPARATOR)) if joined else ()

    def paths(self, index: int) -> tuple[Path, ...]:
        """Return the image files of a group."""
        return tuple(self.image_root / image for image in self.images(index))

    def caption(self, index: int) -> str:
        """Return the English caption of a group's image; empty if it has none."""
        row = self._caption_rows[index]
        return self._captions.value("caption", row) if row >= 0 else ""

    def texts(self, start: int, stop: int) -> list[tuple[tuple[str, str], ...]]:
        """Return questions and answers of the conversations `start` to `stop - 1`, in group order."""
        return [self._turns(row) for row in self._order[start:stop].tolist()]

    def _conversation(self, position: int) -> Conversation:
        row = self._order[position]
        return Conversation(
            self._rows.value("id", row),
            self.languages[self.language_codes[position]],
            self._turns(row),
            self.regions[self.region_codes[position]],
            self.question_types[self.question_type_codes[position]],
        )

    def _turns(self, row: int) -> tuple[tuple[str, str], ...]:
        texts = self._rows.value("turns", row)
        return tuple(zip(texts[::2], texts[1::2], strict=True))


class _ArrowFile:
    """A memory-mapped Arrow file that is read value by value."""

    def __init__(self, path: Path) -> None:
        table = corpus_writer.open_table(path)
        self._chunks = {name: table[name].chunks for name in table.column_names}

    def value(self, column: str, row: int) -> Any:
        return self._chunks[column][row // BATCH_ROWS][row % BATCH_ROWS].as_py()
