"""The record of the rows that a checkpoint was trained on: what was withdrawn can be found in it without the export."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pangea_cultural.dataset import tables
from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.files import atomic_path

FILE = "training-rows.parquet"
HASH_DIGITS = 16
"""Digits of an image's hash in the record: enough to tell images apart, at a quarter of the size."""
COLUMNS = ("export", "entity", "property", "image", "questions")
"""Columns: the export's folder, Wikidata ids, the beginning of the image's SHA-256, and the number of questions."""
KEYS = list(COLUMNS[:-1])
BATCH_ROWS = 65_536


def write(sources: Iterable[tuple[Export, str]], path: Path) -> int:
    """Write the record of exports and splits, and return the number of questions.

    The questions about a fact of an image stand together, so that a batch shrinks to some hundred rows at once.
    """
    parts = [_counted(batch, export.path.name) for export, split in sources for batch in _batches(export, split)]
    table = pa.concat_tables(parts) if parts else pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    if parts:
        table = (
            table.group_by(KEYS)
            .aggregate([("questions", "sum")])
            .rename_columns(COLUMNS)
            .sort_by([(name, "ascending") for name in KEYS])
        )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return pc.sum(table["questions"]).as_py() if parts else 0


def _batches(export: Export, split: str) -> Iterable[pa.RecordBatch]:
    return tables.batches(export.questions_file(split), BATCH_ROWS, ["entity", "property", "image"])


def _counted(batch: pa.RecordBatch, export: str) -> pa.Table:
    names = pc.replace_substring_regex(batch["image"], r"^.*/|\.[a-z]+$", "")
    table = pa.table(
        {
            "export": pa.array([export] * batch.num_rows, pa.string()),
            "entity": batch["entity"],
            "property": batch["property"],
            "image": pc.utf8_slice_codeunits(names, 0, HASH_DIGITS),
        }
    )
    return table.group_by(KEYS).aggregate([([], "count_all")]).rename_columns(COLUMNS)
