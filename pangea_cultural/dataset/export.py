"""The reader of an export: the data set on disk that the factory writes for training and evaluation.

    export/
      export.json            manifest, written last: an export without it is incomplete
      questions-train.parquet, questions-dev.parquet, questions-test.parquet, questions-unseen.parquet
      images.parquet         source, author, attribution and license of every image
      images/ab/abcd....png  images, named by SHA-256

`train` is for training. `dev` (for tuning) and `test` ask about other images of the same entities, also in held-out
languages. `unseen` asks about images of categories that have no training images: in the sample, the drawings of another
artist.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pangea_cultural.dataset import question
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json

MANIFEST = "export.json"
FORMAT = 2
SPLITS = ("train", "dev", "test", "unseen")


@dataclass(frozen=True)
class Export:
    """A complete export, opened for reading."""

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> "Export":
        """Open an export.

        Raises:
            UserError: the export is missing or incomplete, or has another format.
        """
        path = Path(path)
        manifest = path / MANIFEST
        if not manifest.is_file():
            raise UserError(f"No complete export at {path}: {MANIFEST} is missing. Run `pcult build RECIPE` first.")
        content = read_json(manifest)
        if content.get("format") != FORMAT:
            raise UserError(
                f"The export at {path} has format {content.get('format')}; this version reads format {FORMAT}. "
                "Build it again."
            )
        return cls(path, content)

    @property
    def held_out_languages(self) -> list[str]:
        """Languages without rows in `train`."""
        return self.manifest["held_out_languages"]

    def table(self, split: str) -> pa.Table:
        """Return all questions of a split; the columns are those of `question.QUESTION_SCHEMA`."""
        return pq.read_table(self.path / f"questions-{split}.parquet", schema=question.QUESTION_SCHEMA)

    def questions(self, split: str) -> Iterator[question.Question]:
        """Iterate over the questions of a split."""
        for batch in self.table(split).to_batches(max_chunksize=4096):
            yield from map(question.from_row, batch.to_pylist())

    def images(self) -> pa.Table:
        """Return one row per image: path, file name, source and page, author and attribution, license, changes."""
        return pq.read_table(self.path / "images.parquet")
