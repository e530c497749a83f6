"""Damage of an export: files that are missing, truncated or garbled, and rows that no reader can use.

The check of the content reads the files through `Export`, which expects them to be as the factory wrote them.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pangea_cultural.dataset.export import SPLITS, Export, questions_name
from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.dataset.tables import (
    IMAGE_NEEDED,
    IMAGE_SCHEMA,
    IMAGES,
    QUESTION_NEEDED,
    STATEMENT_NEEDED,
    STATEMENT_SCHEMA,
    STATEMENTS,
    in_one_line,
    num_empty,
    wrong_columns,
)

TYPES = ("open", "choice")


def damage(export: Export) -> list[str]:
    """Return the damage of an export's files, one line each; empty if all can be read."""
    return [*_unlisted(export.manifest["files"]), *_wrong_tables(export)]


def _unlisted(files: dict[str, str]) -> Iterator[str]:
    yield from (f"{name}: not in the manifest" for name in _tables() if name not in files)


def _wrong_tables(export: Export) -> Iterator[str]:
    own = [STATEMENTS] if STATEMENTS in export.manifest["files"] else []
    for name in (*_tables(), *own):
        path = export.path / name
        if not path.is_file():
            yield f"{name}: missing"
            continue
        try:
            table = pq.read_table(path, partitioning=None)
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            yield f"{name}: not a readable Parquet file ({in_one_line(error)})"
            continue
        problems = list(_problems(name, table))
        yield from (f"{name}: {problem}" for problem in problems)
        yield from _wrong_count(export.manifest["questions"], name, table)
        if name not in (IMAGES, STATEMENTS) and not problems:
            yield from (f"{name}: {problem}" for problem in _unusable(table))


def _problems(name: str, table: pa.Table) -> Iterator[str]:
    others = {IMAGES: (IMAGE_SCHEMA, IMAGE_NEEDED), STATEMENTS: (STATEMENT_SCHEMA, STATEMENT_NEEDED)}
    expected, needed = others.get(name, (QUESTION_SCHEMA, QUESTION_NEEDED))
    wrong = list(wrong_columns(table.schema, expected, needed))
    yield from wrong
    if not wrong:
        for column in needed:
            if number := num_empty(table[column]):
                yield f"column {column} is empty in {number} rows"


def _unusable(table: pa.Table) -> Iterator[str]:
    """Yield the kinds of questions that cannot be asked or answered, with their number of rows."""
    types = table["question_type"]
    others = pc.sum(pc.invert(pc.is_in(types, pa.array(TYPES)))).as_py()
    if others:
        yield f"{others} rows are neither open nor choice questions"
    for column in ("id", "question", "answer"):
        if blank := pc.sum(pc.equal(pc.utf8_trim_whitespace(table[column]), "")).as_py():
            yield f"column {column} is blank in {blank} rows"
    absent = repeated = 0
    for batch in table.filter(pc.equal(types, "choice")).select(["answer", "choices"]).to_batches():
        rows, options = pc.list_parent_indices(batch["choices"]), pc.list_flatten(batch["choices"])
        answered = rows.filter(pc.equal(options, batch["answer"].take(rows)))
        absent += batch.num_rows - len(pc.unique(answered))
        counted = pa.table({"row": rows, "option": options}).group_by(["row", "option"]).aggregate([([], "count_all")])
        repeated += len(pc.unique(counted.filter(pc.greater(counted["count_all"], 1))["row"]))
    if absent:
        yield f"the answers of {absent} choice questions are not among their options"
    if repeated:
        yield f"the options of {repeated} choice questions are not distinct"


def _wrong_count(counts: dict[str, Any], name: str, table: pa.Table) -> Iterator[str]:
    count = counts.get(name.removeprefix("questions-").removesuffix(".parquet"))
    if count is not None and count != table.num_rows:
        yield f"{name}: {table.num_rows} rows, but the manifest counts {count}"


def _tables() -> list[str]:
    return [*map(questions_name, SPLITS), IMAGES]
