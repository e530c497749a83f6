"""Import of a published data set as an export in the native layout."""

import functools
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from factory.exchange.imports import images, origin
from factory.exchange.imports.files import LAYOUTS, files, image_places, unread
from factory.exchange.imports.rows import KEEPS_ID, ReadOptions, SourceFile, embedded_images
from factory.exchange.imports.withdrawn import ImageJudge, matcher
from factory.exchange.source import MEMORY_LIMIT
from pangea_cultural import __version__
from pangea_cultural.dataset import sql, tables, withdrawal, withdrawn_statements
from pangea_cultural.dataset.export import FORMAT, MANIFEST, SPLITS, Export, questions_name
from pangea_cultural.dataset.question import QUESTION_SCHEMA
from pangea_cultural.dataset.sources import json_reader, reasons
from pangea_cultural.dataset.sources.fields import readable
from pangea_cultural.dataset.sources.rejections import ReadCallbacks, ReasonCounter
from pangea_cultural.dataset.withdrawal import NOTHING, WITHDRAWN, WithdrawalList
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.reference import licenses
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_folder, restore_folder, sha256_file, write_json

REJECTIONS = "rejections.jsonl"
"""List of all rejected rows, with reason, id and file."""
WITHDRAWN_STATEMENT = f"{WITHDRAWN} statement"
"""Reason of statements of own knowledge that are not kept. All other reasons are of questions."""
BATCH_ROWS = 10_000
READ_SCHEMA = pa.schema([("n", pa.int64()), ("split", pa.string()), ("source", pa.string()), *QUESTION_SCHEMA])
HELD_OUT = ("entities", "held_out")
"""Columns of images that only exports with held-out entities have."""


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Options of an import."""

    format: str
    name: str
    """Name of the export."""
    images: Path | None = None
    """Folder of the images or their archives; by default that of the data."""
    split: str = "train"
    """Split of rows of files that name none."""
    author: str = ""
    license: str = ""
    """Author and license of images that come without them."""
    read: ReadOptions = field(default_factory=ReadOptions)


@dataclass
class Imported:
    """Counts of an import."""

    folder: Path
    questions: dict[str, int] = field(default_factory=dict)
    """Number of questions by split."""
    images: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """Number of rejected rows by reason."""
    remarks: dict[str, int] = field(default_factory=dict)
    """Number of rows that are kept with a remark."""


def run(
    path: Path,
    folder: Path,
    options: ImportOptions,
    *,
    withdrawn: WithdrawalList = NOTHING,
    overwrite: bool,
    reporter: Reporter,
) -> Imported:
    """Import a data set.

    Args:
        path: file or folder of the data set.
        folder: folder of the new export, which appears when it is complete.
        options: format, name, images and credits.
        withdrawn: list of withdrawals. Rows that it concerns are rejected.
        overwrite: whether to replace an earlier export.
        reporter: shows progress.

    Raises:
        UserError: there is no such data set, it is broken, no row is usable, or no export can be written there.
    """
    sql.database_file(folder)
    restore_folder(folder)
    if folder.exists() and not (overwrite and (folder / MANIFEST).is_file()):
        raise UserError(f"{folder} exists. Choose another --name, or replace an export with --overwrite.")
    found = files(path, options.format, options.split)
    for name in unread(path, options.format, found):
        reporter.note(f"{name}: not read, because refined rows have its questions. Import it by its own path.")
    with atomic_folder(folder) as partial:
        temporary = partial / ".import"
        temporary.mkdir()
        imported = _Import(path, partial, temporary, options, withdrawn, reporter)
        result = imported.run(found)
        shutil.rmtree(temporary)
        if not sum(result.questions.values()):
            counts = ", ".join(f"{count:,} {reason}" for reason, count in result.rejected.items()) or "no rows"
            raise UserError(f"{path} has no usable row ({counts}). Choose another --format or path.")
    result.folder = folder
    return result


class _Import:
    """The steps of an import: read rows, store images, write the export."""

    def __init__(
        self,
        path: Path,
        folder: Path,
        temporary: Path,
        options: ImportOptions,
        withdrawn: WithdrawalList,
        reporter: Reporter,
    ) -> None:
        self._path = path
        self._folder = folder
        self._temporary = temporary
        self._options = options
        self._reporter = reporter
        self._rejected, self._remarks = ReasonCounter(), ReasonCounter()
        self._origin = origin.read(path, options.format, options.name, keeps_ids=LAYOUTS[options.format].keeps_ids)
        # What the data set's own build knew is not in it, and other values may have taken its place.
        self._known = withdrawal.of_manifest(self._origin).merged(withdrawn)
        new = withdrawn.missing_in(self._origin)
        credits = (path if path.is_dir() else path.parent) / tables.IMAGES
        self._credits = credits if credits.is_file() else None
        self._matcher = matcher(self._credits, self._origin, new)
        self._judge = ImageJudge(new, self._credits, options.license)

    def run(self, found: list[SourceFile]) -> Imported:
        with (self._folder / REJECTIONS).open("wb") as rejections:
            self._rejections = rejections
            rows = self._temporary / "rows.parquet"
            self._read(found, rows)
            settings: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "temp_directory": str(self._temporary / "sort")}
            with duckdb.connect(self._temporary / "import.duckdb", config=settings) as database:
                database.execute(f"CREATE VIEW read AS FROM {sql.parquet(rows)}")
                self._store_images(database, found)
                self._select(database)
                return self._write(database)

    def _read(self, found: list[SourceFile], path: Path) -> None:
        """Read all files into one Parquet file."""
        sizes = sum(json_reader.mebibytes(file.path) for file in found)
        with (
            self._reporter.bar("import: rows", sizes if self._options.format != "native" else None, "MB") as bar,
            pq.ParquetWriter(path, READ_SCHEMA, compression="zstd") as writer,
        ):
            batch: list[dict[str, Any]] = []
            for number, row in enumerate(self._rows(found, bar.advance)):
                batch.append({"n": number, **row})
                if len(batch) == BATCH_ROWS:
                    writer.write_batch(self._unless_withdrawn(batch))
                    batch = []
            writer.write_batch(self._unless_withdrawn(batch))

    def _unless_withdrawn(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        """Return the rows that are about nothing withdrawn. Images are judged when they are stored."""
        batch = pa.RecordBatch.from_pylist(rows, READ_SCHEMA)
        gone = self._matcher.mask(batch)
        for row in batch.filter(gone).select(["id", "source"]).to_pylist():
            self._reject(WITHDRAWN, row["id"], row["source"])
        return batch.filter(pc.invert(gone))

    def _rows(self, found: list[SourceFile], advance: Any) -> Iterator[dict[str, Any]]:
        layout = LAYOUTS[self._options.format]
        for file in found:
            name = readable(file.path.relative_to(file.root).as_posix())
            callbacks = ReadCallbacks(functools.partial(self._reject, file=name), self._remarks.add, advance)
            for row in layout.read(file, self._options.read, callbacks):
                if not row.pop(KEEPS_ID, layout.keeps_ids):
                    row["id"] = f"{row['id']}-{_digest(row)}"
                yield {"split": file.split, "source": name, **row}

    def _reject(self, reason: str, id: str, file: str) -> None:
        self._rejected.add(reason, id)
        self._rejections.write(
            orjson.dumps({"reason": reason, "id": id, "file": file}, option=orjson.OPT_APPEND_NEWLINE)
        )

    def _stored(self, found: list[SourceFile], wanted: set[str]) -> Iterator[images.Found]:
        if LAYOUTS[self._options.format].has_images:
            return images.store_embedded(embedded_images(found, wanted), self._folder)
        folder, archives = image_places(self._path, self._options.images)
        return images.store(wanted, folder, archives, self._folder)

    def _store_images(self, database: duckdb.DuckDBPyConnection, found: list[SourceFile]) -> None:
        database.execute(
            "CREATE TABLE found (path VARCHAR, image VARCHAR, width INTEGER, height INTEGER, reason VARCHAR)"
        )
        wanted = {name for (name,) in database.execute("SELECT DISTINCT image FROM read WHERE image <> ''").fetchall()}
        if not wanted:
            return
        schema = pa.schema([("path", pa.string()), ("image", pa.string()), ("width", pa.int32())])
        schema = schema.append(pa.field("height", pa.int32())).append(pa.field("reason", pa.string()))
        with self._reporter.bar("import: images", len(wanted), "files") as bar:
            stored = self._stored(found, wanted)
            judged = self._judge.judged(stored)
            while batch := [one._asdict() for one in islice(judged, BATCH_ROWS)]:
                database.register("batch", pa.Table.from_pylist(batch, schema))
                database.execute("INSERT INTO found FROM batch")
                bar.advance(len(batch))

    def _select(self, database: duckdb.DuckDBPyConnection) -> None:
        """Choose the rows and images of the export, and list the rejected rows."""
        database.execute(f"CREATE VIEW credit AS {sql.images(self._credits)}")
        license, code = self._options.license, ""
        if license:
            try:
                code = licenses.find(license).code
            except ImageError as error:
                raise UserError(f"{license!r}: {error}. Name a license of the table, such as CC BY-SA 4.0.") from error
        taken = reasons.ID_TAKEN if LAYOUTS[self._options.format].keeps_ids else reasons.DUPLICATE
        values = {"author": self._options.author, "license": license, "code": code, "taken": taken}
        values["source"] = readable(self._path.name)
        script = resources.files(__package__).joinpath("import.sql").read_text("utf-8")
        with sql.readable(self._credits or self._path):
            for statement in duckdb.extract_statements(script):
                database.execute(statement, {name: values[name] for name in statement.named_parameters})
        for batch in database.sql("SELECT reason, id, source FROM rejected ORDER BY n").to_arrow_reader(BATCH_ROWS):
            for row in batch.to_pylist():
                self._reject(row["reason"], row["id"], row["source"])

    def _write(self, database: duckdb.DuckDBPyConnection) -> Imported:
        """Write the tables and the manifest, which is last."""
        result = Imported(self._folder)
        columns, hashes = ", ".join(QUESTION_SCHEMA.names), {}
        queries = {questions_name(split): f"SELECT {columns} FROM question WHERE split = '{split}' ORDER BY n"
                   for split in SPLITS}  # fmt: skip
        for name, query in (queries | {tables.IMAGES: self._images()}).items():
            target = self._folder / name
            copy = f"COPY ({query}) TO {sql.quoted(target)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
            result.questions[name] = database.execute(copy).fetchall()[0][0]
            hashes[name] = sha256_file(target)
        result.images = result.questions.pop(tables.IMAGES)
        hashes |= self._write_statements()
        result.questions = dict(zip(SPLITS, result.questions.values(), strict=True))
        result.rejected, result.remarks = self._rejected.counts, self._remarks.counts
        by_language = database.execute(
            "SELECT language, question_type, count(*) FROM question GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        entities = database.execute("SELECT count(DISTINCT entity) FROM question WHERE entity <> ''").fetchall()[0][0]
        self._remove_unused(database)
        write_json(
            self._folder / MANIFEST,
            self._origin
            | {
                WITHDRAWN: self._known.as_json(),
                "format": FORMAT,
                "version": __version__,
                "imported": {"format": self._options.format, "rejected": result.rejected, "remarks": result.remarks},
                "questions": result.questions,
                "questions_by_language": {f"{language} {type}": count for language, type, count in by_language},
                "entities": entities,
                "images": result.images,
                "files": hashes,
            },
        )
        return result

    def _write_statements(self) -> dict[str, str]:
        """Write the statements of own knowledge that stay, if any do. Return the name of the file with its SHA-256."""
        given = Export(self._path if self._path.is_dir() else self._path.parent, self._origin)
        table = given.statements()
        gone = withdrawn_statements.withdrawals(table, self._known)
        for row in table.take(pa.array(gone, pa.int64())).to_pylist():
            self._reject(WITHDRAWN_STATEMENT, f"{row['file']}:{row['line']}", tables.STATEMENTS)
        if len(gone) == table.num_rows:
            return {}
        path = self._folder / tables.STATEMENTS
        pq.write_table(withdrawn_statements.staying_statements(table, self._known), path, compression="zstd")
        return {path.name: sha256_file(path)}

    def _images(self) -> str:
        """Return the query of the table of images. Columns about held-out entities are those of the data."""
        known = pq.read_schema(self._credits).names if self._credits else []
        excluded = ", ".join(name for name in HELD_OUT if name not in known)
        return f"SELECT * {f'EXCLUDE ({excluded})' if excluded else ''} FROM image ORDER BY image"

    def _remove_unused(self, database: duckdb.DuckDBPyConnection) -> None:
        """Remove stored images that no kept row shows."""
        query = "SELECT DISTINCT image FROM found WHERE image <> '' AND image NOT IN (SELECT image FROM image)"
        for (name,) in database.execute(query).fetchall():
            (self._folder / name).unlink()


def _digest(row: dict[str, Any]) -> str:
    """Return a short hash of a row: ids of published rows are not unique."""
    content = orjson.dumps({key: row[key] for key in QUESTION_SCHEMA.names}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:16]
