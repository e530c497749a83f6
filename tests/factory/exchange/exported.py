"""Exports in other formats, written as `pcult data export` does."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from factory.exchange import writer
from factory.exchange.formats.base import Options
from factory.exchange.formats.registry import FORMATS
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import read_json, sha256_file, write_json


def write(export: Export, name: str, folder: Path, *, overwrite=False, answer_style="short") -> writer.Written:
    """Write an export in a format."""
    return writer.write(
        export,
        FORMATS[name],
        folder,
        options=Options(answer_style=answer_style),
        overwrite=overwrite,
        in_words=lambda figures: f"Audit: {figures}",
        reporter=Reporter(quiet=True),
    )


def rows(export: Export, split: str) -> list[dict]:
    return export.table(split).to_pylist()


def changed(export: Export, folder: Path, *, split="train", questions=None, images=None) -> Export:
    """Copy an export and change its rows.

    Args:
        export: the export, which stays as it is.
        folder: folder of the copy.
        split: split whose questions change.
        questions: new values of all questions of the split, by column.
        images: new values of all rows of images.parquet, by column.
    """
    shutil.copytree(export.path, folder)
    files = {f"questions-{split}.parquet": questions or {}, "images.parquet": images or {}}
    manifest = read_json(folder / MANIFEST)
    for name, values in files.items():
        table = pq.read_table(folder / name)
        new = [row | values for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(new, schema=table.schema), folder / name)
        manifest["files"][name] = sha256_file(folder / name)
    write_json(folder / MANIFEST, manifest)
    return Export.open(folder)
