"""Image source of own knowledge: the files that rows name, in the folder of their CSV or Parquet file.

The same rule holds as for other sources: a free license, and an author if the license asks for one. SVG files are
rendered. A rejection has the place of the row that names the image.
"""

import contextlib
import functools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from factory.images.base import Attribution, FetchedImage, ImageInfo
from factory.images.sources.rows import RowProblem, inside, is_file, read_file
from factory.images.sources.svg import MAX_SVG_BYTES, SVG_TOO_LARGE, SvgRenderer
from factory.knowledge.config import KnowledgeConfig
from factory.knowledge.files import TITLE, Files
from factory.knowledge.image_rows import ImageRow, ImageRows, read
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import FILE_TOO_LARGE, MAX_BYTES

SVG_WIDTH_PX = 512
DIFFERENT_TERMS = "rows state different licenses or authors"
NOT_IN_FILES = "image in no row"
RENDERED = "rendered from SVG"


class KnowledgeImages:
    """The images of all own files of a recipe.

    Args:
        configs: the recipe's tables of own knowledge.
        scratch: folder for temporary data; by default that of the system.

    Raises:
        UserError: a folder has no such file.
    """

    def __init__(self, configs: Sequence[KnowledgeConfig], scratch: Path | None = None) -> None:
        self._rows = ImageRows(Files(configs), scratch)
        self._renderer: SvgRenderer | None = None

    def row_problems(self) -> list[RowProblem]:
        """Return nothing: the stage `select` rejects rows."""
        return []

    def __enter__(self) -> Self:
        """Read all rows.

        Raises:
            UserError: a file cannot be read.
        """
        self._rows.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._rows.__exit__(*exception)
        if self._renderer is not None:
            self._renderer.close()

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """Return nothing: rows name images of entities, not of categories."""
        return {name: [] for name in names}

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """Return the metadata of images by title. Own titles without a row are refused: no other source is asked."""
        own = [title for title in titles if title.startswith(TITLE)]
        found = {title: _info_of(rows) for title, rows in self._rows.of(own)}
        return {title: found.get(title) or _missing(title) for title in own}

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[FetchedImage]:
        """Yield the contents of images, in order. Drawings are rendered as PNG."""
        first = {title: next(rows) for title, rows in self._rows.of([info.title for info in infos])}
        for info in infos:
            try:
                if info.refused:
                    raise info.refused
                yield self._read(info, _path(first[info.title]))
            except ImageError as error:
                yield info, error

    def _read(self, info: ImageInfo, path: Path) -> FetchedImage:
        if path.suffix.casefold() != ".svg":
            return info, read_file(path, MAX_BYTES, FILE_TOO_LARGE)
        content = read_file(path, MAX_SVG_BYTES, SVG_TOO_LARGE)
        self._renderer = self._renderer or SvgRenderer()
        return replace(info, changes=RENDERED), self._renderer.render(content, "", SVG_WIDTH_PX)


def files_of(configs: Sequence[KnowledgeConfig]) -> Iterator[Path]:
    """Yield the files with the rows, and the image files that they name.

    Raises:
        UserError: a file cannot be read.
    """
    files = Files(configs)
    yield from (file.path for file in files.files)
    for row in read(files):
        with contextlib.suppress(ImageError):
            yield _path(row)


def _info_of(rows: Iterator[ImageRow]) -> ImageInfo:
    """Return the metadata of an image from all rows that name it, which may leave its terms empty."""
    row = next(rows)
    info = _info(row)
    try:
        _path(row)
    except ImageError as error:
        info = replace(info, refused=error)
    return functools.reduce(_united, rows, info)


def _info(row: ImageRow) -> ImageInfo:
    attribution = Attribution(author=row.author, license=row.license, license_url="", source=row.source or row.image)
    return ImageInfo(title=row.title, attribution=attribution, categories=(), row=row.place)


def _united(known: ImageInfo, row: ImageRow) -> ImageInfo:
    """Return the metadata of an image that a further row names: terms that both state must be equal."""
    old = known.attribution
    if any(first and second and first != second for first, second in _pairs(old, row)):
        return replace(known, refused=known.refused or ImageError(DIFFERENT_TERMS, row.place))
    author, license = (first or second for first, second in _pairs(old, row))
    return replace(known, attribution=replace(old, author=author, license=license))


def _pairs(old: Attribution, row: ImageRow) -> list[tuple[str, str]]:
    return [(old.author, row.author), (old.license, row.license)]


def _path(row: ImageRow) -> Path:
    """Return the path of a row's image in the spelling of the file system: macOS decomposes names, rows are in NFC.

    Raises:
        ImageError: one of the two spellings leads out of the folder.
    """
    folder, name = Path(row.folder), row.image.replace("\\", "/")
    path = inside(folder, name)
    if is_file(path):
        return path
    decomposed = inside(folder, unicodedata.normalize("NFD", name))
    return decomposed if is_file(decomposed) else path


def _missing(title: str) -> ImageInfo:
    empty = Attribution(author="", license="", license_url="", source="")
    return ImageInfo(title=title, attribution=empty, categories=(), refused=ImageError(NOT_IN_FILES))
