"""Withdrawn rows of data sets that `pcult data export` has written, found in their files."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pangea_cultural.dataset import withdrawal, withdrawn_rows, withdrawn_statements
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.dataset.manifest import DESCRIPTION
from pangea_cultural.dataset.tables import IMAGES
from pangea_cultural.dataset.withdrawal import WithdrawalList, Withdrawn, WithdrawnClaim, WithdrawnEntity
from pangea_cultural.dataset.withdrawn_rows import Concerned
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json


def require_none(path: Path, listed: Path) -> None:
    """Check the data set that a file or folder belongs to against the list of a workspace. Other data is not checked.

    Raises:
        UserError: it has withdrawn rows, or does not say whether it has.
    """
    folders = [folder for folder in (path, *path.parents[:3]) if (folder / DESCRIPTION).is_file()]
    names = problem(folders[0], withdrawal.read(listed)) if folders else ""
    if names:
        raise UserError(
            f"{folders[0]} has or may have withdrawn data: {names}. Write it again with `pcult data export`."
        )


def problem(folder: Path, withdrawn: WithdrawalList) -> str:
    """Return what a data set has of a list, for a message; empty if it has nothing, or does not say what it is.

    Only withdrawals that its export did not know are looked for. Files of chats do not have all names of a row. There
    an entity always counts, and a claim if its entity is in the data set.
    """
    try:
        export = _opened(folder)
        if export is None or not (new := withdrawn.missing_in(export.manifest)):
            return ""
        if (folder / MANIFEST).is_file():
            found = withdrawn_rows.in_export(export, new)
        elif files := sorted((folder / "data").glob("*.parquet")):
            found = _in_parquet(export, files, new)
        else:
            return _in_chats(export, new)
    except (UserError, OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UserError(f"{folder} cannot be read ({' '.join(str(error).split())[:200]}). Write it again.") from error
    return found.named() if found else ""


def _opened(folder: Path) -> Export | None:
    """Return a data set as an export, of which it has the manifest and the table of images."""
    if not (folder / IMAGES).is_file():
        return None
    if (folder / MANIFEST).is_file():
        return Export.open(folder)
    try:
        manifest = read_json(folder / DESCRIPTION)["export"]
    except (FileNotFoundError, KeyError, TypeError, orjson.JSONDecodeError):
        return None
    return Export(folder, manifest) if isinstance(manifest, dict) else None


def _in_parquet(export: Export, files: list[Path], items: list[Withdrawn]) -> Concerned:
    """Return the rows of files with embedded images. Their bytes are not read."""
    matcher = withdrawn_rows.matcher_of(export, items)
    found = withdrawn_rows.concerned(export, items, matcher)
    for file in files:
        matcher.count(_rows(file), found, file.name.partition("-")[0])
    return found


def _rows(path: Path) -> Iterator[pa.RecordBatch]:
    columns = [*(name for name in withdrawn_rows.COLUMNS if name != "image"), "image.path"]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(withdrawn_rows.BATCH_ROWS, columns=columns):
            images = batch["image"].field("path").cast(pa.string()).fill_null("")
            yield batch.set_column(batch.schema.get_field_index("image"), "image", images)


def _in_chats(export: Export, items: list[Withdrawn]) -> str:
    images = withdrawn_rows.withdrawn_images(export, items)
    names = {name for found in images.values() for name in found}
    names.update(withdrawn_statements.withdrawals(export.statements(), items).values())
    shown = set(export.images()["entity"].to_pylist()) if "entity" in export.images().column_names else None
    for item in items:
        if isinstance(item, WithdrawnEntity) or (
            isinstance(item, WithdrawnClaim) and (shown is None or item.entity in shown)
        ):
            names.add(item.name)
    return withdrawal.few([item.name for item in items if item.name in names])
