"""The files of a source: paths, checksums and progress steps."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.dataset.sources import m3ls
from pangea_cultural.dataset.sources.fields import readable
from pangea_cultural.dataset.sources.json_reader import MEBIBYTE, ProgressFile, mebibytes
from pangea_cultural.dataset.sources.rejections import Advance
from pangea_cultural.errors import UserError
from pangea_cultural.training.data.sources.config import ExportSource, FileSource, M3lsSource, Source
from pangea_cultural.utils.console import Reporter

SUFFIXES = (".json", ".jsonl")
"""Suffixes of the files that are read from a folder."""
SYNTHETIC_CHAT = "general.json"
"""File that `pcult data synthetic-chat` writes."""


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source."""

    path: Path
    """File or folder of the source."""
    files: list[Path]
    """Files whose content decides what the source contains; of an export only the manifest."""
    image_root: Path
    """Folder that image paths are relative to."""
    export: Export | None = None
    """The export, if the source is one."""

    @property
    def are_articles(self) -> bool:
        """Return whether the files are published articles of M3LS."""
        return bool(self.files) and m3ls.is_article(self.files[0])

    def num_steps(self, source: Source) -> tuple[int, str]:
        """Return the number of progress steps of reading the source, and their unit."""
        if self.export and isinstance(source, ExportSource):
            return self.export.manifest["questions"][source.split], "questions"
        return sum(map(mebibytes, self.files)), self._unit

    def digests(self, reporter: Reporter) -> dict[str, str]:
        """Return the SHA-256 of each file, by path relative to the source."""
        with reporter.bar(f"{self.path.name}: checksum", sum(map(mebibytes, self.files)), self._unit) as bar:
            return {self._name(file): _sha256(file, bar.advance) for file in self.files}

    @property
    def _unit(self) -> str:
        # An article is far smaller than one mebibyte and counts as one step.
        return "articles" if self.are_articles else "MB"

    def _name(self, file: Path) -> str:
        return readable(file.name if file == self.path else file.relative_to(self.path).as_posix())


def locate(source: Source, workspace: Path, export: Export | None = None) -> SourceFiles:
    """Locate the files of a source.

    Args:
        source: configuration of the source.
        workspace: root of its paths.
        export: the export, if the source is one and it is already open.

    Raises:
        UserError: the data is missing, or M3LS is incomplete or configured for another layout.
    """
    path = workspace / source.path
    image_root = path if path.is_dir() else path.parent
    if isinstance(source, ExportSource):
        export = export or Export.open(path)
        return SourceFiles(path, [export.path / MANIFEST], image_root, export)
    if isinstance(source, M3lsSource) and (folders := m3ls.folders(path)):
        if source.images or source.columns or not source.instruction:
            raise UserError(f"{path} is published M3LS. Set instruction, and remove columns and images.")
        return SourceFiles(path, [article for folder in folders for article in m3ls.articles(folder)], image_root)
    if isinstance(source, FileSource) and source.images is not None:
        image_root = workspace / source.images
    return SourceFiles(path, _json_files(source, path), image_root)


def _json_files(source: Source, path: Path) -> list[Path]:
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        if path.name == SYNTHETIC_CHAT:
            raise UserError(f"No chat data at {path}. Run `pcult data synthetic-chat {path.parent}` to create it.")
        layouts = f"a file, or a folder with {' or '.join(SUFFIXES)} files"
        if isinstance(source, M3lsSource):
            layouts += f" or unpacked archives (bbc*/{m3ls.ARTICLES})"
        raise UserError(f"No {source.type} data at {path}. Put {layouts} there.")
    if isinstance(source, M3lsSource) and m3ls.is_article(files[0]):
        raise UserError(f"{path} is a part of published M3LS. Use the language's folder {files[0].parents[1]}.")
    return files


def _sha256(path: Path, advance: Advance) -> str:
    with io.BufferedReader(ProgressFile(path, advance), MEBIBYTE) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
