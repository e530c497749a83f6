"""The body of `pcult data report`: reads an export and its store, and writes the page."""

from pathlib import Path
from typing import Any

from factory.report import page
from factory.store import snapshot, statistics
from pangea_cultural.dataset import withdrawn_rows
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.sql import readable
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import write_bytes
from pangea_cultural.workspace import Workspace


def write(folder: Path, out: Path, *, stages: tuple[str, ...], number: int) -> None:
    """Write the page about an export.

    Args:
        folder: folder of the export. If it lies in a workspace, the page has the rejections of its store.
        out: file of the page.
        stages: names of the stages, in order.
        number: sampled rows of each language.

    Raises:
        UserError: the export cannot be read or has withdrawn rows, or the file cannot be written.
    """
    export = Export.open(folder)
    withdrawn_rows.require_none(export)
    seed, rejections = export.manifest["recipe"].get("seed", 0), _rejections(export, stages)
    with readable(folder):
        text = page.render(export, rejections=rejections, number=number, seed=seed)
    try:
        write_bytes(out, text.encode())
    except OSError as error:
        raise UserError(f"Cannot write {out} ({error.strerror}). Choose another file with --out.") from error


def _rejections(export: Export, stages: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """Return the rejections of the workspace around an export, or None if it is in none."""
    workspace = Workspace(export.path.absolute().parents[1])
    if export.path.absolute().parent != workspace.exports or not workspace.store.is_file():
        return None
    _, counts = snapshot.store_or_copy(
        workspace, lambda store: {"rejections": statistics.reject_reasons(store, stages)}
    )
    columns, rows = counts["rejections"]
    return [dict(zip(columns, row, strict=True)) for row in rows]
