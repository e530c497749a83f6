"""Writing an export in a format: a folder that appears when it is complete, with a card and an attribution."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.exchange.card import attribution, card
from factory.exchange.formats.base import Format, Options
from factory.exchange.source import Source
from factory.exchange.target import Target
from pangea_cultural import __version__
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.manifest import DESCRIPTION, MANIFEST
from pangea_cultural.dataset.tables import IMAGES, STATEMENTS
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.files import atomic_folder, restore_folder, write_json

IMAGE = "images/([0-9a-f]{2}/)?[0-9a-f]{64}[.][a-z0-9]+"
"""Pattern of the name of an image."""
LAYOUT = 1
"""Number of the layouts of all formats together."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """Counts of a written data set."""

    folder: Path
    questions: int
    images: int
    left_out: dict[str, int]
    """Number of questions that the format cannot hold, by reason."""


def write(
    export: Export,
    format: Format,
    folder: Path,
    *,
    options: Options,
    overwrite: bool,
    in_words: Callable[[dict[str, Any]], str],
    reporter: Reporter,
) -> Written:
    """Write an export in a format.

    Args:
        export: the export.
        format: the format.
        folder: the new folder.
        options: options of the format.
        overwrite: whether to replace an earlier data set at `folder`.
        in_words: returns the audit of a manifest as one line.
        reporter: shows progress.

    Raises:
        UserError: the folder exists, or the export is damaged.
    """
    _require_free(folder, export, overwrite)
    total = sum(export.manifest["questions"].values())
    with atomic_folder(folder) as partial, reporter.bar(f"export: {format.name}", total, "questions") as bar:
        temporary = partial / ".sort"
        with Source(export, temporary, bar) as source:
            target = Target(partial)
            _require_hash_names(source)
            format.write(source, target, options)
            target.copy(source.credits, IMAGES)
            if source.statements is not None:
                target.copy(source.statements, STATEMENTS)
            credits = attribution.write(source.credits, source.statements, target)
            card.write(source, format, credits, in_words, target)
        shutil.rmtree(temporary, ignore_errors=True)
        write_json(partial / DESCRIPTION, _description(export, format, target))
    images = sum(credits.licenses.values())
    return Written(
        folder=folder, questions=total - sum(target.left_out.values()), images=images, left_out=target.left_out
    )


def _require_hash_names(source: Source) -> None:
    """Check the names of the images. Formats use their last part, which must then be unique and without more dots.

    Raises:
        UserError: an image is not named by the hash of its content.
    """
    for row in source.rows(f"SELECT image FROM question WHERE NOT regexp_full_match(image, '{IMAGE}|') LIMIT 1"):
        folder = source.export.path
        raise UserError(f"{folder}: {row['image']!r} is not named by its hash. Run `pcult data check {folder}`.")


def _description(export: Export, format: Format, target: Target) -> dict[str, Any]:
    manifest = {key: value for key, value in export.manifest.items() if key != "files"}
    return {
        "format": format.name,
        "layout": LAYOUT,
        "version": __version__,
        "export": manifest,
        "left_out": target.left_out,
        "files": target.files,
    }


def _require_free(folder: Path, export: Export, overwrite: bool) -> None:
    """Raise an error if the folder may not be written.

    Raises:
        UserError: the folder exists and is not to be replaced, or is not a data set.
    """
    new, old = folder.resolve(), export.path.resolve()
    if new.is_relative_to(old) or old.is_relative_to(new):
        raise UserError(f"{folder} and the export {export.path} contain each other. Choose another folder.")
    restore_folder(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / DESCRIPTION).is_file() and not (folder / MANIFEST).is_file():
        raise UserError(f"{folder} exists and is not a data set. Choose another folder.")
    if not overwrite:
        raise UserError(f"{folder} exists. Replace it with --overwrite, or choose another folder.")
