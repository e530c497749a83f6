"""The question files of an export: a Parquet file per split, written range by range in constant memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from factory.exchange.ahead import ahead
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
        file = export.questions_name(split)
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
    writer, num_rows = None, 0
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        for table in ahead(tables, pool):
            writer = writer or stack.enter_context(_writer(path, table.schema))
            writer.write_table(table, ROW_GROUP_ROWS)
            num_rows += table.num_rows
    return num_rows


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=list(REPEATED), store_schema=False)
