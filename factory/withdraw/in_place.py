"""Removal of withdrawn rows from an export, in place: the other rows stay as they are."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from factory.exchange import writer
from factory.exchange.card import attribution, card
from factory.exchange.formats.base import Options
from factory.exchange.formats.registry import FORMATS
from factory.exchange.question_files import write_parquet
from pangea_cultural.dataset import withdrawal, withdrawn_rows, withdrawn_statements
from pangea_cultural.dataset.export import SPLITS, Export, questions_name
from pangea_cultural.dataset.manifest import DESCRIPTION, MANIFEST
from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.dataset.sql import parquet, readable
from pangea_cultural.dataset.tables import IMAGES, STATEMENTS
from pangea_cultural.dataset.withdrawal import WITHDRAWN, Withdrawn, WithdrawnEntity
from pangea_cultural.dataset.withdrawn_rows import Matcher
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_folder, link_or_copy, restore_folder, sha256_file, write_json
from pangea_cultural.workspace import Workspace

Audit = Callable[[Path, dict[str, Any]], dict[str, Any]]
"""Returns the figures of the audit of a folder with questions, for the settings of a manifest."""
DESCRIBING = (MANIFEST, IMAGES, STATEMENTS, DESCRIPTION, card.CARD, attribution.ATTRIBUTION)
"""Files that are written again."""


def open_export(path: Path) -> Export:
    """Open an export, after an interrupted removal was finished or undone.

    Raises:
        UserError: there is no complete export.
    """
    path = path.resolve()
    restore_folder(path)
    shutil.rmtree(_stripped(path), ignore_errors=True)
    if (path / DESCRIPTION).is_file() and not (path / MANIFEST).is_file():
        raise UserError(f"{path} is not an export. Withdraw from the export, then write it again with --overwrite.")
    return Export.open(path)


def workspace_of(path: Path) -> Workspace | None:
    """Return the workspace that an export lies in, also as a link; None if it lies elsewhere."""
    folder = path.absolute().parent
    workspace = Workspace(folder.parent)
    lies_there = folder == workspace.exports
    return workspace if lies_there and (workspace.store.is_file() or workspace.withdrawals.is_file()) else None


def remove(export: Export, items: Sequence[Withdrawn], audit: Audit, in_words: Callable[[dict[str, Any]], str]) -> None:
    """Remove the rows and images that withdrawals concern. The new export replaces the old one when it is complete.

    Args:
        export: the export, from `open_export`.
        items: the withdrawals. The manifest names them afterwards.
        audit: measures the new questions.
        in_words: returns the audit of a manifest as one line, for a card.

    Raises:
        UserError: a file of the export cannot be read, or its folder cannot be written.
    """
    try:
        with readable(export.path):
            if (export.path / DESCRIPTION).is_file():
                _write_again(export, items, audit, in_words)
            else:
                with atomic_folder(export.path) as partial:
                    _write(export, items, audit, partial)
    except OSError as error:
        raise UserError(
            f"{export.path} cannot be replaced ({error.filename}: {error.strerror}). Repair it, or copy the export."
        ) from error


def _write_again(
    export: Export, items: Sequence[Withdrawn], audit: Audit, in_words: Callable[[dict[str, Any]], str]
) -> None:
    """Write an export with a card: a data set in the format `native`."""
    stripped = _stripped(export.path)
    with atomic_folder(stripped) as partial:
        _write(export, items, audit, partial)
    writer.write(
        Export.open(stripped),
        FORMATS["native"],
        export.path,
        options=Options(),
        overwrite=True,
        in_words=in_words,
        reporter=Reporter(quiet=True),
    )
    shutil.rmtree(stripped)


def _stripped(path: Path) -> Path:
    return path.with_name(f".{path.name}.stripped")


def _write(export: Export, items: Sequence[Withdrawn], audit: Audit, folder: Path) -> None:
    """Write an export without withdrawn rows into an empty folder, the manifest last."""
    matcher = withdrawn_rows.matcher_of(export, items)
    _copy_others(export, folder)
    names = [*map(questions_name, SPLITS)]
    counts = {split: _write_questions(export, name, matcher, folder) for split, name in zip(SPLITS, names, strict=True)}
    names += _write_statements(export, items, folder)
    with duckdb.connect() as database:
        files = " UNION ALL ".join(f"FROM {parquet(folder / questions_name(split))}" for split in SPLITS)
        database.execute(f"CREATE VIEW question AS {files}")
        _write_images(export, items, matcher, database, folder)
        by_language = database.execute(
            "SELECT language, question_type, count(*) FROM question GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        manifest = export.manifest | {
            WITHDRAWN: withdrawal.of_manifest(export.manifest).merged(items).as_json(),
            "questions": counts,
            "questions_by_language": {f"{language} {kind}": number for language, kind, number in by_language},
            "entities": _distinct(database, "entity"),
            "images": _distinct(database, "image"),
            "files": {name: sha256_file(folder / name) for name in (*names, IMAGES)},
        }
    if "audit" in manifest:
        manifest["audit"] = audit(folder, manifest)
    write_json(folder / MANIFEST, manifest)


def _distinct(database: duckdb.DuckDBPyConnection, column: str) -> int:
    return database.execute(f"SELECT count(DISTINCT nullif({column}, '')) FROM question").fetchall()[0][0]


def _copy_others(export: Export, folder: Path) -> None:
    """Link or copy the files that do not change, also those of the user. Images come later."""
    known = {*DESCRIBING, "images", *map(questions_name, SPLITS)}
    for path in sorted(export.path.iterdir()):
        if path.name in known:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, folder / path.name, symlinks=True, copy_function=link_or_copy)
        else:
            link_or_copy(path, folder / path.name)


def _write_questions(export: Export, name: str, matcher: Matcher, folder: Path) -> int:
    """Write the questions of a split that stay, and return their number. A file that loses none is linked."""
    source = export.path / name
    with pq.ParquetFile(source) as file:
        before = file.metadata.num_rows
    number = write_parquet(_staying(source, matcher), folder / name)
    if number == before:
        (folder / name).unlink()
        link_or_copy(source, folder / name)
    return number


def _staying(path: Path, matcher: Matcher) -> Iterator[pa.Table]:
    """Yield the rows of a file that stay, row group by row group. Without rows, yield an empty table."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number).cast(QUESTION_SCHEMA)
            (batch,) = table.select(list(withdrawn_rows.COLUMNS)).combine_chunks().to_batches() or [None]
            yield table if batch is None else table.filter(pc.invert(matcher.mask(batch)))
        if not file.num_row_groups:
            yield QUESTION_SCHEMA.empty_table()


def _write_statements(export: Export, items: Sequence[Withdrawn], folder: Path) -> list[str]:
    """Write the statements of own knowledge that stay, and return the name of their file, if any do."""
    path = export.statements_file
    if path is None:
        return []
    table = export.statements()
    staying = withdrawn_statements.staying_statements(table, items)
    if staying.num_rows == table.num_rows:
        link_or_copy(path, folder / path.name)
    elif staying.num_rows:
        pq.write_table(staying, folder / path.name, compression="zstd")
    return [path.name] if staying.num_rows else []


def _write_images(
    export: Export, items: Sequence[Withdrawn], matcher: Matcher, database: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    """Write the table of images that questions still show, and link their files."""
    gone = {item.entity for item in items if isinstance(item, WithdrawnEntity)}
    shown = dict(database.execute("SELECT image, min(entity) FROM question GROUP BY image").fetchall())
    table = export.images()
    rows = table.to_pylist()
    kept = [row for row in rows if row["image"] in shown and row["image"] not in matcher.images]
    for row in kept:
        if row.get("entity") in gone:
            row["entity"] = shown[row["image"]]
        if row.get("entities"):
            row["entities"] = [entity for entity in row["entities"] if entity not in gone]
        target = folder / row["image"]
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(export.path / row["image"], target)
    pq.write_table(pa.Table.from_pylist(kept, table.schema), folder / IMAGES, compression="zstd")
