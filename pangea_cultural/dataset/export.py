"""The reader of an export: the data set on disk that the factory writes for training and evaluation.

    export/
      export.json            manifest, written last: an export without it is incomplete
      questions-train.parquet, questions-dev.parquet, questions-test.parquet, questions-unseen.parquet
      images.parquet         source, author, attribution and license of every image
      statements.parquet     source, author and license of every statement of own knowledge, if there are any
      images/ab/abcd....png  images, named by SHA-256

`train` is for training. `dev` (for tuning) and `test` ask about other images of the same entities, also in held-out
languages. `unseen` asks about images of categories that have no training images: in the sample, the drawings of another
artist.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pangea_cultural.dataset import manifest, question, tables
from pangea_cultural.dataset.manifest import FORMAT as FORMAT
from pangea_cultural.dataset.manifest import MANIFEST as MANIFEST
from pangea_cultural.dataset.sources.fields import RowError
from pangea_cultural.dataset.sources.fields import image as image_name
from pangea_cultural.errors import UserError

SPLITS = ("train", "dev", "test", "unseen")


def questions_name(split: str) -> str:
    """Return the name of the file with a split's questions."""
    return f"questions-{split}.parquet"


@dataclass(frozen=True)
class Export:
    """A complete export, opened for reading."""

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> "Export":
        """Open an export.

        Raises:
            UserError: the export is missing or incomplete, its manifest is garbled or has another format, or a table
                cannot be read or has other columns.
        """
        export = cls.of_manifest(path)
        for split in SPLITS:
            tables.require_columns(export.questions_file(split), question.QUESTION_SCHEMA, tables.QUESTION_NEEDED)
        tables.require_columns(export.path / tables.IMAGES, tables.IMAGE_SCHEMA, tables.IMAGE_NEEDED)
        return export

    @classmethod
    def of_manifest(cls, path: Path) -> "Export":
        """Open an export whose tables may be damaged, for a check.

        Raises:
            UserError: the export is missing or incomplete, or its manifest is garbled or has another format.
        """
        path = Path(path)
        if not (path / MANIFEST).is_file():
            raise UserError(f"No complete export at {path}: {MANIFEST} is missing. Run `pcult build RECIPE` first.")
        return cls(path, manifest.read(path / MANIFEST))

    @property
    def held_out_languages(self) -> list[str]:
        """Languages without rows in `train`."""
        return self.manifest["held_out_languages"]

    def questions_file(self, split: str) -> Path:
        """Return the path of a split's questions."""
        return self.path / questions_name(split)

    def table(self, split: str) -> pa.Table:
        """Return all questions of a split; the columns are those of `question.QUESTION_SCHEMA`.

        Raises:
            UserError: the file is damaged, or a column is empty in a row.
        """
        table = tables.read(self.questions_file(split), question.QUESTION_SCHEMA, tables.QUESTION_NEEDED)
        return table.select(question.QUESTION_SCHEMA.names)

    def questions(self, split: str, languages: Collection[str] | None = None) -> Iterator[question.Question]:
        """Iterate over the questions of a split.

        Args:
            split: the split.
            languages: codes of the languages; None for all. To filter the table is faster than to filter questions.

        Raises:
            UserError: the file is damaged, a column is empty in a row, or the answer is not among the choices.
        """
        table = self.table(split)
        if languages is not None:
            table = table.filter(pc.is_in(table["language"], pa.array(sorted(languages), pa.string())))
        for batch in table.to_batches(max_chunksize=4096):
            for row in map(question.from_row, batch.to_pylist()):
                if row.question_type == "choice" and row.answer not in row.choices:
                    raise UserError(
                        f"{self.questions_file(split)}: the answer of {row.id!r} is not among its choices. "
                        f"Run `pcult data check {self.path}`."
                    )
                yield row

    def images(self) -> pa.Table:
        """Return one row per image: path, file name, source and page, author and attribution, license, changes.

        Raises:
            UserError: the file is damaged, or the path or the license is empty in a row.
        """
        return tables.read(self.path / tables.IMAGES, tables.IMAGE_SCHEMA, tables.IMAGE_NEEDED)

    def image_file(self, name: str) -> Path:
        """Return the path of an image by its name in a row. An export of others can name any file of this machine.

        Raises:
            UserError: the name is not that of a file below `images`, also after links are followed.
        """
        if path := self.file(name, below="images"):
            return path
        raise UserError(f"{self.path}: {name!r} is not below images/. Run `pcult data check {self.path}`.")

    def file(self, name: str, *, below: str = "") -> Path | None:
        """Return the path of a file of the export, or None if the name leaves the export or a folder of it."""
        try:
            path = self.path / image_name(name)
            path.exists()  # raises an error for a name that is too long
            return path if path.resolve().is_relative_to((self.path / below).resolve()) else None
        except (RowError, OSError, RuntimeError):  # such as links in a circle
            return None

    @property
    def statements_file(self) -> Path | None:
        """The table of statements of own knowledge, if there are any."""
        path, files = self.path / tables.STATEMENTS, self.manifest.get("files")
        # Data sets in other formats repeat the manifest without its files.
        is_there = path.is_file() if files is None else tables.STATEMENTS in files
        return path if is_there else None

    def statements(self) -> pa.Table:
        """Return one row per statement of own knowledge: entity, property, value, file and line, license, source.

        Raises:
            UserError: the file is damaged, or a column is empty in a row.
        """
        path = self.statements_file
        if path is None:
            return tables.STATEMENT_SCHEMA.empty_table()
        return tables.read(path, tables.STATEMENT_SCHEMA, tables.STATEMENT_NEEDED)
