"""The question files of an export: a Parquet file per split, written range by range in constant memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from factory.exchange.question_rows import QuestionRows
from factory.store.store import Store
from pangea_cultural.dataset import export
from pangea_cultural.utils.files import atomic_path, sha256_file

ROW_GROUP_ROWS = 122_880
"""Questions of a range, which is a row group, at most."""
REPEATED = (
    *("question_type", "language", "region", "entity", "entity_type", "property", "image", "question", "instruction"),
    *("template", "template_question", "template_sentence", "rewritten_by"),
)
"""Columns whose values repeat within a row group. A dictionary of the others takes time and makes files no smaller."""


def write_questions(store: Store, folder: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Write a Parquet file per split. Return the files' SHA-256 by name, and the numbers of questions by split."""
    files, counts = {}, {}
    questions = QuestionRows(store)
    for split in export.SPLITS:
        file = f"questions-{split}.parquet"
        with atomic_path(folder / file) as temporary:
            counts[split] = write_parquet(_ranges(questions, split), temporary)
        files[file] = sha256_file(folder / file)
    questions.close()
    return files, counts


def _ranges(questions: QuestionRows, split: str) -> Iterator[pa.Table]:
    """Yield the questions of ranges of items, in order. Without items, yield an empty table."""
    items = questions.items(split)
    size = questions.range_items(ROW_GROUP_ROWS)
    for first in range(0, max(len(items), 1), size):
        yield questions.table(items, first, min(first + size, len(items)))


def write_parquet(tables: Iterator[pa.Table], path: Path) -> int:
    """Write tables of questions to a file, each while the next one is made. Return the number of rows.

    Args:
        tables: at least one table.
        path: the file.
    """
    first = next(tables)
    num_rows = 0
    with (
        pq.ParquetWriter(
            path,
            first.schema,
            compression="zstd",
            use_dictionary=list(REPEATED),
            store_schema=False,
        ) as writer,
        ThreadPoolExecutor(1) as pool,
    ):
        written = pool.submit(writer.write_table, first, ROW_GROUP_ROWS)
        num_rows += first.num_rows
        del first
        for table in tables:
            written.result()
            num_rows += table.num_rows
            written = pool.submit(writer.write_table, table, ROW_GROUP_ROWS)
        written.result()
    return num_rows
