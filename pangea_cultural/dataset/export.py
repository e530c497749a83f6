"""An export on disk: what the factory hands to training and evaluation.

    export/
      export.json            manifest, written last: an export without it is not complete
      questions-train.parquet, questions-dev.parquet, questions-test.parquet, questions-unseen.parquet
      images.parquet         source, author, attribution and license of every image
      images/ab/abcdef….png  content-addressed by SHA-256

`train` is what a model may learn from. `dev` (for tuning) and `test` ask about other images of the same entities, in
training and in held-out languages. `unseen` asks about images from sources that training never saw (for the sample:
another artist's drawings).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pangea_cultural.dataset import question
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json, sha256_file

MANIFEST = "export.json"
FORMAT = 1
SPLITS = ("train", "dev", "test", "unseen")


@dataclass(frozen=True)
class Export:
    """A complete export, opened for reading."""

    path: Path
    manifest: dict

    @classmethod
    def open(cls, path: Path) -> "Export":
        """Open an export.

        Raises:
            UserError: nothing complete lies there, or another version wrote it.
        """
        path = Path(path)
        manifest = path / MANIFEST
        if not manifest.is_file():
            raise UserError(f"no complete export at {path} ({MANIFEST} is missing): run `pcult build RECIPE` first")
        content = read_json(manifest)
        if content.get("format") != FORMAT:
            raise UserError(
                f"the export at {path} has format {content.get('format')}, this version reads {FORMAT}: build again"
            )
        return cls(path, content)

    @property
    def held_out_languages(self) -> list[str]:
        """Languages that no training row is in."""
        return self.manifest["held_out_languages"]

    def table(self, split: str) -> pa.Table:
        """All questions of a split; columns as in `vqa.QUESTION_SCHEMA`."""
        return pq.read_table(self.path / f"questions-{split}.parquet", schema=question.QUESTION_SCHEMA)

    def questions(self, split: str) -> Iterator[question.Question]:
        """The questions of a split, one by one."""
        for batch in self.table(split).to_batches(max_chunksize=4096):
            yield from map(question.from_row, batch.to_pylist())

    def images(self) -> pa.Table:
        """One row an image: path, file name, source and page, author and attribution, license, changes made."""
        return pq.read_table(self.path / "images.parquet")


def check(export: Export) -> list[str]:
    """What is wrong with an export, one line each; empty when it keeps its promises.

    Read from the files themselves, not from the store that wrote them: every file has the manifest's hash, no row of
    `train` is in a held-out language, no image of `train` (and no entity that is asked about without an image)
    occurs in another split, every image has a file with the content that its name says, and a license.
    """
    return [
        *_wrong_hashes(export),
        *_leaked_languages(export),
        *_leaked_images(export),
        *_bad_images(export),
    ]


def _wrong_hashes(export: Export) -> Iterator[str]:
    for name, digest in export.manifest["files"].items():
        if not (export.path / name).is_file():
            yield f"{name}: missing"
        elif sha256_file(export.path / name) != digest:
            yield f"{name}: content differs from the manifest"


def _leaked_languages(export: Export) -> Iterator[str]:
    trained = set(pc.unique(export.table("train")["language"]).to_pylist())
    for code in sorted(trained & set(export.held_out_languages)):
        yield f"train: rows in held-out language {code}"


def _leaked_images(export: Export) -> Iterator[str]:
    trained = _shown(export, "train")
    for split in SPLITS[1:]:
        shared = trained & _shown(export, split)
        if shared:
            yield f"{split}: {len(shared)} images are also in train, such as {min(shared)}"


def _shown(export: Export, split: str) -> set[str]:
    """What the questions of a split are about: their images, and the entity where a question has none."""
    table = export.table(split)
    shown = pc.if_else(pc.equal(table["image"], ""), table["entity"], table["image"])
    return set(pc.unique(shown).to_pylist())


def _bad_images(export: Export) -> Iterator[str]:
    known = set()
    for row in export.images().to_pylist():
        known.add(row["image"])
        path = export.path / row["image"]
        if not path.is_file():
            yield f"{row['image']}: missing"
        elif sha256_file(path) != path.stem:
            yield f"{row['image']}: content differs from its name"
        if not row["license"]:
            yield f"{row['image']}: no license"
    for split in SPLITS:
        for image in sorted(set(pc.unique(export.table(split)["image"]).to_pylist()) - known - {""}):
            yield f"{split}: image {image} is not in images.parquet"
