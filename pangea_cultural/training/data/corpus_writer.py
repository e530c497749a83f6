"""The writer of a corpus: one pass over the rows of a source, in constant memory.

    <folder>/
      rows.arrow             id, images and turns of each row, in the source's order
      captions.arrow         image and caption of every captioned row
      order.npy              row numbers, group by group
      starts.npy, sizes.npy  first conversation and number of conversations of each group, in that order
      language_codes.npy, region_codes.npy, question_type_codes.npy   one code per conversation, in that order
      caption_rows.npy       row of captions.arrow for each group, -1 for none
      corpus.json            key, vocabularies of the codes, reasons of rejected rows

Equal rows give equal bytes.
"""

import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pangea_cultural.dataset.sources.rejections import ReadReport, ReasonCounter
from pangea_cultural.dataset.sources.types import Conversation, SourceRow
from pangea_cultural.errors import UserError
from pangea_cultural.training.data import reasons
from pangea_cultural.utils.files import atomic_folder, write_json

FORMAT = 6
"""Version of the files. Raise it when a reader or the writer changes what a source becomes."""
MANIFEST = "corpus.json"
BATCH_ROWS = 8192
"""Rows in a record batch. The last batch of a file may have fewer."""
SEPARATOR = "\0"
"""Separator of a row's image paths. No path contains it."""
ROWS = pa.schema([("id", pa.string()), ("images", pa.string()), ("turns", pa.list_(pa.string()))])
CAPTIONS = pa.schema([("image", pa.string()), ("caption", pa.string())])
HELD_OUT_ADVICE = "Remove the language from the recipe, or build the export without holding it out."


@dataclass(frozen=True)
class Filters:
    """Conversations to keep. An empty filter keeps all."""

    languages: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    question_types: frozenset[str] = frozenset()

    def reason(self, conversation: Conversation) -> str | None:
        """Return the reason why a conversation is rejected; None if it is kept."""
        for name, wanted, reason in self.by_column():
            if wanted and getattr(conversation, name) not in wanted:
                return reason
        return None

    def by_column(self) -> tuple[tuple[str, frozenset[str], str], ...]:
        """Return name, wanted values and reason of rejection of each filter, in the order in which they are applied."""
        return (
            ("language", self.languages, reasons.EXCLUDED_LANGUAGE),
            ("region", self.regions, reasons.EXCLUDED_REGION),
            ("question_type", self.question_types, reasons.EXCLUDED_QUESTION_TYPE),
        )


@dataclass(frozen=True)
class CorpusSpec:
    """Everything about a corpus except its rows."""

    key: str
    """Hash of the content."""
    name: str
    """Name of the source in error messages."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file that the rows come from."""
    filters: Filters = Filters()
    held_out_languages: frozenset[str] = frozenset()
    """Languages that no kept row may have."""
    source: int = 0
    """Index of the source in the recipe."""
    image_root: Path = Path()
    """Folder of the images."""


@dataclass
class _CodeColumn:
    """A column with few distinct values. Each value gets a number, in order of first appearance."""

    vocabulary: dict[str, int] = field(default_factory=dict)
    codes: "array.array[int]" = field(default_factory=lambda: array.array("h"))

    def append(self, value: str) -> None:
        self.codes.append(self.vocabulary.setdefault(value, len(self.vocabulary)))


class _TableWriter:
    """A writer of an Arrow file, row by row."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns: list[list[object]] = [[] for _ in schema]
        self._writer = pa.ipc.new_file(str(path), schema)

    def append(self, *values: object) -> None:
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        if len(self._columns[0]) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_batch(pa.record_batch(self._columns, schema=self._schema))
        for column in self._columns:
            column.clear()

    def close(self) -> None:
        if self._columns[0]:
            self._flush()
        self._writer.close()


def write(rows: Iterable[SourceRow], folder: Path, spec: CorpusSpec, report: ReadReport) -> None:
    """Write a corpus atomically. Nothing else may write to `folder` meanwhile.

    Args:
        rows: rows of the source; consumed once.
        folder: folder to create or replace.
        spec: key, filters and held-out languages.
        report: report of the reader of `rows`. Rows that the filters reject are added to it.

    Raises:
        UserError: a row is in a held-out language.
    """
    with atomic_folder(folder) as partial:
        columns = _write_rows(rows, partial, spec, report.rejected)
        _write_groups(partial, columns)
        manifest = {
            "format": FORMAT,
            "key": spec.key,
            "files": spec.files,
            **{name: list(column.vocabulary) for name, column in columns.items()},
            "rejected": report.rejected.counts,
            "examples": report.rejected.examples,
            "notes": report.notes.counts,
        }
        write_json(partial / MANIFEST, manifest)


def _write_rows(
    rows: Iterable[SourceRow], folder: Path, spec: CorpusSpec, rejected: ReasonCounter
) -> dict[str, _CodeColumn]:
    """Write the rows that are kept, and return their code columns."""
    columns = {"languages": _CodeColumn(), "regions": _CodeColumn(), "question_types": _CodeColumn()}
    kept, captions = _TableWriter(folder / "rows.arrow", ROWS), _TableWriter(folder / "captions.arrow", CAPTIONS)
    for row in rows:
        conversation, images = row.conversation, SEPARATOR.join(row.images)
        is_held_out = conversation.language in spec.held_out_languages
        if row.caption and len(row.images) == 1 and not is_held_out:
            # Captions are English whatever languages are trained, so those of rejected rows are kept.
            captions.append(images, row.caption)
        reason = spec.filters.reason(conversation)
        if reason is not None:
            rejected.add(reason, conversation.id)
            continue
        if is_held_out:
            raise UserError(
                f"{spec.name}: row {conversation.id} is in the held-out language {conversation.language}. "
                f"{HELD_OUT_ADVICE}"
            )
        kept.append(conversation.id, images, [text for turn in conversation.turns for text in turn])
        columns["languages"].append(conversation.language)
        columns["regions"].append(conversation.region)
        columns["question_types"].append(conversation.question_type)
    kept.close()
    captions.close()
    return columns


def _write_groups(folder: Path, columns: dict[str, _CodeColumn]) -> None:
    images, paths = _image_codes(open_table(folder / "rows.arrow")["images"])
    first_rows = _first_rows(images, paths)
    order = np.argsort(first_rows, kind="stable")
    starts = np.flatnonzero(np.diff(first_rows[order], prepend=-1))
    np.save(folder / "order.npy", order)
    np.save(folder / "starts.npy", np.append(starts, len(order)))
    np.save(folder / "sizes.npy", np.diff(starts, append=len(order)).astype(np.int32))
    for name, column in columns.items():
        np.save(folder / f"{name.removesuffix('s')}_codes.npy", np.array(column.codes, np.int16)[order])
    captioned = pc.index_in(open_table(folder / "captions.arrow")["image"], value_set=paths)
    np.save(folder / "caption_rows.npy", _caption_rows(captioned, images[order[starts]]))


def _image_codes(images: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Return a code for each row's images [rows], and the images of each code [codes]."""
    if not len(images):
        return np.empty(0, np.int32), pa.array([], pa.string())
    # All chunks share a dictionary, in order of first appearance.
    chunks = images.dictionary_encode().chunks
    return np.concatenate([chunk.indices.to_numpy() for chunk in chunks]), chunks[0].dictionary


def _first_rows(images: np.ndarray, paths: pa.Array) -> np.ndarray:
    """Return the first row of each row's group [rows]. Rows with the same single image form a group."""
    rows = np.arange(len(images))
    first = np.empty(len(paths), np.int64)
    # Assign in reverse order: of several values for an index, numpy keeps the last.
    first[images[::-1]] = rows[::-1]
    is_single = pc.invert(pc.or_(pc.equal(paths, ""), pc.match_substring(paths, SEPARATOR)))
    return np.where(is_single.to_numpy(zero_copy_only=False)[images], first[images], rows)


def _caption_rows(captioned: pa.ChunkedArray, group_images: np.ndarray) -> np.ndarray:
    """Return the last caption of each group [groups], -1 for none.

    Args:
        captioned: image code of each caption; null if no row with the image was kept.
        group_images: image code of each group.
    """
    codes = pc.fill_null(captioned, -1).to_numpy()
    rows = np.full(group_images.max(initial=-1) + 1, -1, np.int32)
    rows[codes[codes >= 0]] = np.flatnonzero(codes >= 0)
    return rows[group_images]


def open_table(path: Path) -> pa.Table:
    """Open an Arrow file, memory-mapped: values are read when they are used."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
