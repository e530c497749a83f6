"""The questions of a split, those of an image beside each other.

A build writes the questions of an entity together, so those of an image are near each other, and nothing is sorted: the
stream is cut where all images so far are complete. Imported questions can be far apart; DuckDB then sorts them.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from factory.exchange.source import Source

Numbers = npt.NDArray[np.int64]
MAX_WAITING = 250_000
"""Questions that wait in memory for others of their images, at most. Where more would have to, DuckDB sorts all."""
IMAGES = """
CREATE OR REPLACE TEMP TABLE image_rows AS
SELECT image, min(file_row_number) AS first, max(file_row_number) AS last, count(*) AS n
FROM {questions} WHERE image <> '' GROUP BY image
"""
WITH_IMAGE = "WHERE image <> ''"
SORTED = "JOIN image_rows USING (image) ORDER BY first, file_row_number"


def batches(source: Source, columns: str, split: str, rows: int) -> Iterator[pa.RecordBatch]:
    """Iterate over the questions of a split by image, in the order of each image's first question.

    A batch can end between two questions of an image. Questions without an image are the last ones.

    Args:
        source: the export.
        columns: SQL expressions, the first of which is `image`.
        split: name of the split.
        rows: rows of a batch, about.
    """
    source.define(IMAGES.format(questions=source.file(split)))
    images = source.table("SELECT first, last, n FROM image_rows ORDER BY first")
    first, last, n = (images[name].to_numpy() for name in ("first", "last", "n"))
    cuts = _cuts(first, last, n)
    if (last - first + 1 == n).all():
        yield from source.batches(columns, split, WITH_IMAGE, rows)
    elif np.diff(cuts, prepend=0).max() > MAX_WAITING:
        yield from source.batches(columns, split, SORTED, rows)
    else:
        yield from _cut(source.batches(columns, split, WITH_IMAGE, rows), cuts)
    yield from source.batches(columns, split, "WHERE image = ''", rows)


def runs(images: pa.Array) -> Iterator[tuple[str, int, int]]:
    """Iterate over images with the first place of their neighboring rows, and the place behind the last."""
    coded = images.dictionary_encode()
    codes, names = coded.indices.to_numpy(), coded.dictionary
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    for start, end in itertools.pairwise([*starts, len(codes)]):
        yield names[codes[start]].as_py(), start, end


def _cuts(first: Numbers, last: Numbers, n: Numbers) -> Numbers:
    """Return the numbers of questions with images after which every image so far is complete.

    Args:
        first: place of each image's first question, ascending.
        last: place of its last question.
        n: number of its questions.
    """
    is_cut = np.append(np.maximum.accumulate(last)[:-1] < first[1:], True)[: len(n)]
    return np.cumsum(n)[is_cut]


def _cut(batches: Iterator[pa.RecordBatch], cuts: Numbers) -> Iterator[pa.RecordBatch]:
    """Divide a stream at the last cut of each batch. The rows behind it wait for the next batch."""
    waiting: list[pa.RecordBatch] = []
    given = seen = 0
    for batch in batches:
        waiting.append(batch)
        seen += len(batch)
        until = int(cuts[np.searchsorted(cuts, seen, "right") - 1]) if seen >= cuts[0] else 0
        if until > given:
            joined = pa.concat_batches(waiting)
            yield _grouped(joined.slice(0, until - given))
            waiting, given = [joined.slice(until - given)], until


def _grouped(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows by image, in the order of each image's first row."""
    codes = batch["image"].dictionary_encode().indices.to_numpy()
    if (np.diff(codes) >= 0).all():
        return batch
    return batch.take(pa.array(np.argsort(codes, kind="stable")))
