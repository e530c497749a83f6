"""Writing a source to disk, in one pass over its rows and in little memory.

    <folder>/
      rows.arrow             id, images, turns of each row, in the source's order
      captions.arrow         image and caption, wherever a row has one
      order.npy              row numbers, group after group
      starts.npy, sizes.npy  where each group begins in order, and how many conversations it has
      language_codes.npy, region_codes.npy, kind_codes.npy   of each conversation, in the order of groups
      caption_rows.npy       row of captions.arrow of each group, -1 for none
      corpus.json            key, vocabularies of the codes, what was dropped

Equal rows give equal bytes.
"""

import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pangea_cultural.errors import UserError
from pangea_cultural.training.data.rejections import ReasonCounter
from pangea_cultural.training.data.types import Conversation, SourceRow
from pangea_cultural.utils.files import atomic_folder, write_json

FORMAT = 2
"""To be raised when a reader or the writer makes something else of the same source."""
MANIFEST = "corpus.json"
BATCH_ROWS = 8192
"""Rows in a record batch; the last one of a file has fewer."""
SEPARATOR = "\0"
"""Between the images of a row: no path has it in it."""
ROWS = pa.schema([("id", pa.string()), ("images", pa.string()), ("turns", pa.list_(pa.string()))])
CAPTIONS = pa.schema([("image", pa.string()), ("caption", pa.string())])
MEND_HELD_OUT = "leave the language out of the recipe, or build the export without holding it out"


@dataclass(frozen=True)
class Filters:
    """Which conversations to take; an empty filter lets all through."""

    languages: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    question_types: frozenset[str] = frozenset()

    def reason(self, conversation: Conversation) -> str | None:
        """Why a conversation is dropped; None if it is taken."""
        if self.languages and conversation.language not in self.languages:
            return "language not in the recipe"
        if self.regions and conversation.region not in self.regions:
            return "region not in the recipe"
        if self.question_types and conversation.question_type not in self.question_types:
            return "question type not in the recipe"
        return None


@dataclass
class _Codes:
    """A column of few different words: a number for each, in order of first appearance."""

    words: dict[str, int] = field(default_factory=dict)
    codes: array.array = field(default_factory=lambda: array.array("h"))

    def append(self, word: str) -> None:
        self.codes.append(self.words.setdefault(word, len(self.words)))


class _Table:
    """An Arrow file under way."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns: list[list] = [[] for _ in schema]
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


def write(
    rows: Iterable[SourceRow],
    folder: Path,
    *,
    key: str,
    files: dict[str, str],
    name: str,
    filters: Filters,
    held_out: frozenset[str],
    rejected: ReasonCounter,
    notes: ReasonCounter,
) -> None:
    """Write a corpus; it appears whole or not at all. Nobody else may write to `folder` meanwhile.

    Args:
        rows: of one source; they are gone through once.
        folder: where to; what lies there is replaced.
        key: of the content.
        files: SHA-256 of each file that it was read from.
        name: what errors call the source.
        filters: which rows to take.
        held_out: languages that none of the rows taken may be in.
        rejected: counts what was dropped: `filters` add to it, the reader of the rows has added to it meanwhile.
        notes: counts what the reader found worth a note.

    Raises:
        UserError: a row is in a held-out language.
    """
    with atomic_folder(folder) as partial:
        codes = _write_rows(rows, partial, name, filters, held_out, rejected)
        _write_groups(partial, codes)
        manifest = {
            "format": FORMAT,
            "key": key,
            "files": files,
            **{column: list(values.words) for column, values in codes.items()},
            "rejected": rejected.counts,
            "examples": rejected.examples,
            "notes": notes.counts,
        }
        write_json(partial / MANIFEST, manifest)


def _write_rows(
    rows: Iterable[SourceRow],
    folder: Path,
    name: str,
    filters: Filters,
    held_out: frozenset[str],
    rejected: ReasonCounter,
) -> dict[str, _Codes]:
    """Write the rows that are taken; gives their codes by what they are of."""
    codes = {"languages": _Codes(), "regions": _Codes(), "question_types": _Codes()}
    taken, captions = _Table(folder / "rows.arrow", ROWS), _Table(folder / "captions.arrow", CAPTIONS)
    for row in rows:
        asked, images = row.conversation, SEPARATOR.join(row.images)
        if row.caption and len(row.images) == 1 and asked.language not in held_out:
            # English, whichever languages are learnt: those of rows that are dropped are taken too.
            captions.append(images, row.caption)
        reason = filters.reason(asked)
        if reason is not None:
            rejected.add(reason, asked.id)
            continue
        if asked.language in held_out:
            row_name = f"row {asked.id} is in the held-out language {asked.language}"
            raise UserError(f"{name}: {row_name}: {MEND_HELD_OUT}")
        taken.append(asked.id, images, [text for turn in asked.turns for text in turn])
        for column, word in zip(codes.values(), (asked.language, asked.region, asked.question_type), strict=True):
            column.append(word)
    taken.close()
    captions.close()
    return codes


def _write_groups(folder: Path, codes: dict[str, _Codes]) -> None:
    images, paths = _encoded(open_table(folder / "rows.arrow")["images"])
    leaders = _leaders(images, paths)
    order = np.argsort(leaders, kind="stable")
    starts = np.flatnonzero(np.diff(leaders[order], prepend=-1))
    np.save(folder / "order.npy", order)
    np.save(folder / "starts.npy", np.append(starts, len(order)))
    np.save(folder / "sizes.npy", np.diff(starts, append=len(order)).astype(np.int32))
    for column, values in codes.items():
        np.save(folder / f"{column[:-1]}_codes.npy", np.array(values.codes, np.int16)[order])
    captioned = pc.index_in(open_table(folder / "captions.arrow")["image"], value_set=paths)
    np.save(folder / "caption_rows.npy", _caption_rows(captioned, images[order[starts]]))


def _encoded(images: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Each row's images as a number, and what the numbers stand for."""
    if not len(images):
        return np.empty(0, np.int32), pa.array([], pa.string())
    # All chunks share a dictionary, in order of first appearance.
    chunks = images.dictionary_encode().chunks
    return np.concatenate([chunk.indices.to_numpy() for chunk in chunks]), chunks[0].dictionary


def _leaders(images: np.ndarray, paths: pa.Array) -> np.ndarray:
    """The first row of each row's group [rows]: rows with one image, and the same one, are a group."""
    rows = np.arange(len(images))
    first = np.empty(len(paths), np.int64)
    # Of several values for an index numpy keeps the last.
    first[images[::-1]] = rows[::-1]
    one = pc.invert(pc.or_(pc.equal(paths, ""), pc.match_substring(paths, SEPARATOR)))
    return np.where(one.to_numpy(zero_copy_only=False)[images], first[images], rows)


def _caption_rows(captioned: pa.ChunkedArray, group_images: np.ndarray) -> np.ndarray:
    """The last caption of each group [groups], -1 for none.

    Args:
        captioned: number of the image of each caption; null where no row with it was taken.
        group_images: number of each group's images.
    """
    numbers = pc.fill_null(captioned, -1).to_numpy()
    rows = np.full(group_images.max(initial=-1) + 1, -1, np.int32)
    rows[numbers[numbers >= 0]] = np.flatnonzero(numbers >= 0)
    return rows[group_images]


def open_table(path: Path) -> pa.Table:
    """An Arrow file, memory-mapped: its values are read when they are used."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
