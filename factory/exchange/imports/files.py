"""The files of a published data set: rows by split, image archives and folders."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.exchange.imports import rows
from factory.exchange.imports.rows import ReadOptions, SourceFile
from pangea_cultural.dataset.export import SPLITS
from pangea_cultural.dataset.manifest import DESCRIPTION, MANIFEST
from pangea_cultural.dataset.sources import culturalground, m3ls
from pangea_cultural.dataset.sources.rejections import ReadCallbacks
from pangea_cultural.errors import UserError
from pangea_cultural.utils.archives import SUFFIXES as ARCHIVES

JSON = (".json", ".jsonl")
IGNORED = (DESCRIPTION, MANIFEST)
Read = Callable[[SourceFile, ReadOptions, ReadCallbacks], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Layout:
    """A published layout."""

    read: Read
    files: Callable[[Path, str], list[SourceFile]]
    """Returns the files at a path; its second argument is the split of files that name none."""
    keeps_ids: bool = False
    """Whether ids of rows are kept. Those of published rows are not unique."""
    has_images: bool = False
    """Whether the files have the images."""


def _culturalground(path: Path, split: str) -> list[SourceFile]:
    """Return the files of CulturalGround. Refined rows replace the chats about the same open questions."""
    if path.is_file():
        return [SourceFile(path, split, path.parent)]
    found = []
    for name in (*SPLITS, ""):
        folder = path / name
        if not folder.is_dir():
            continue
        refined = _regular(folder / culturalground.REFINED, "*.jsonl") or _regular(folder, "*_refined.jsonl")
        chats = [file for file in _regular(folder, "*.json") if file.name not in IGNORED]
        if refined:
            chats = [file for file in chats if "MCQ" in file.name]
        found += [SourceFile(file, name or split, path) for file in (*refined, *chats)]
    return found


def _regular(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that match, without hidden ones: macOS puts `._name` beside each file.

    A folder may have the name of one, and a pipe might never end.
    """
    return sorted(file for file in folder.glob(pattern) if file.is_file() and not file.name.startswith("."))


def _chats(path: Path, split: str) -> list[SourceFile]:
    if path.is_file():
        return [SourceFile(path, split, path.parent)]
    files = [file for file in _regular(path, "*") if file.suffix in JSON and file.name not in IGNORED]
    return [SourceFile(file, split, path) for file in files]


def _articles(path: Path, split: str) -> list[SourceFile]:
    return [SourceFile(file, split, path) for folder in m3ls.folders(path) for file in m3ls.articles(folder)]


LAYOUTS = {
    "culturalground": Layout(rows.culturalground_rows, _culturalground),
    "llava": Layout(rows.llava_rows, _chats),
    "m3ls": Layout(rows.m3ls_rows, _articles),
    "native": Layout(rows.native_rows, lambda path, split: rows.native_files(path), keeps_ids=True),
    "parquet": Layout(rows.native_rows, lambda path, split: rows.parquet_files(path), keeps_ids=True, has_images=True),
}


def files(path: Path, format: str, split: str) -> list[SourceFile]:
    """Return the files of a data set.

    Raises:
        UserError: there are none.
    """
    if not path.exists():
        raise UserError(f"Nothing at {path}. Name the file or the folder of the data set.")
    found = LAYOUTS[format].files(path, split)
    if not found:
        raise UserError(f"No {format} data at {path}. Choose another path or --format.")
    return found


def unread(path: Path, format: str, found: list[SourceFile]) -> list[str]:
    """Return the names of chat files that are not read, because refined rows have their questions."""
    if format != "culturalground" or path.is_file():
        return []
    read = {file.path for file in found}
    files = (file for folder in (path, *(path / split for split in SPLITS)) for file in _regular(folder, "*.json"))
    return [file.relative_to(path).as_posix() for file in files if file.name not in IGNORED and file not in read]


def image_places(path: Path, images: Path | None) -> tuple[Path, list[Path]]:
    """Return the folder of the images, and the archives in it.

    Args:
        path: file or folder of the data set.
        images: folder that the user names. By default it is that of the published images, otherwise that of the data.
    """
    folder = path if path.is_dir() else path.parent
    published = folder / culturalground.IMAGES
    folder = images or (published if published.is_dir() else folder)
    if not folder.is_dir():
        raise UserError(f"No folder of images at {folder}. Name it with --images.")
    return folder, sorted(file for file in folder.iterdir() if file.name.lower().endswith(ARCHIVES))
