"""Image source of own knowledge: the files that rows name, in the folder of their CSV or Parquet file.

The same rule holds as for other sources: a free license, and an author if the license asks for one. SVG files are
rendered. A rejection has the place of the row that names the image.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from factory.images.base import Attribution, FetchedImage, ImageInfo
from factory.images.sources.rows import RowProblem, inside, is_file, read_file
from factory.images.sources.svg import MAX_SVG_BYTES, SVG_TOO_LARGE, SvgRenderer
from factory.knowledge.columns import Cells
from factory.knowledge.config import KnowledgeConfig
from factory.knowledge.errors import RowError
from factory.knowledge.files import TITLE, Files, Row
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

    Raises:
        UserError: a file cannot be read.
    """

    def __init__(self, configs: Sequence[KnowledgeConfig]) -> None:
        self._infos: dict[str, ImageInfo] = {}
        self._paths: dict[str, Path] = {}
        self._renderer: SvgRenderer | None = None
        self._listed = Files(configs)
        for row in self._listed.rows():
            if not isinstance(row.cells, RowError) and row.cells.get("image"):
                self._add(row, row.cells)

    def _add(self, row: Row, cells: Cells) -> None:
        """Add the image of a row. Rows that name an image again may leave its terms empty."""
        title = self._listed.title(row.file, cells["image"])
        info = _info(title, row, cells)
        known = self._infos.get(title)
        if known is None:
            try:
                self._paths[title] = _path(row.file.path.parent, cells["image"].replace("\\", "/"))
            except ImageError as error:
                info = replace(info, refused=error)
        else:
            info = _united(known, info, row.place)
        self._infos[title] = info

    def files(self) -> list[Path]:
        """Return the files with the rows, and the image files."""
        return [*(file.path for file in self._listed.files), *self._paths.values()]

    def row_problems(self) -> list[RowProblem]:
        """Return nothing: the stage `select` rejects rows."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._renderer is not None:
            self._renderer.close()

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """Return nothing: rows name images of entities, not of categories."""
        return {name: [] for name in names}

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """Return the metadata of images by title. Own titles without a row are refused: no other source is asked."""
        return {title: self._infos.get(title) or _missing(title) for title in titles if title.startswith(TITLE)}

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[FetchedImage]:
        """Yield the contents of images, in order. Drawings are rendered as PNG."""
        for info in infos:
            try:
                if info.refused:
                    raise info.refused
                yield self._read(info)
            except ImageError as error:
                yield info, error

    def _read(self, info: ImageInfo) -> FetchedImage:
        path = self._paths[info.title]
        if path.suffix.casefold() != ".svg":
            return info, read_file(path, MAX_BYTES, FILE_TOO_LARGE)
        content = read_file(path, MAX_SVG_BYTES, SVG_TOO_LARGE)
        self._renderer = self._renderer or SvgRenderer()
        return replace(info, changes=RENDERED), self._renderer.render(content, "", SVG_WIDTH_PX)


def _info(title: str, row: Row, cells: Cells) -> ImageInfo:
    terms = {name: cells.get(name, "") for name in ("author", "license")}
    attribution = Attribution(**terms, license_url="", source=cells.get("source", "") or cells["image"])
    return ImageInfo(title=title, attribution=attribution, categories=(), row=row.place)


def _united(known: ImageInfo, other: ImageInfo, place: str) -> ImageInfo:
    """Return the metadata of an image that two rows name: terms that both state must be equal."""
    old, new = known.attribution, other.attribution
    pairs = [(old.author, new.author), (old.license, new.license)]
    if any(first and second and first != second for first, second in pairs):
        return replace(known, refused=known.refused or ImageError(DIFFERENT_TERMS, place))
    terms = {"author": old.author or new.author, "license": old.license or new.license}
    return replace(known, attribution=replace(old, **terms))


def _path(folder: Path, name: str) -> Path:
    """Return the path of an image in the spelling of the file system: macOS decomposes names, rows are in NFC.

    Raises:
        ImageError: one of the two spellings leads out of the folder.
    """
    path = inside(folder, name)
    if is_file(path):
        return path
    decomposed = inside(folder, unicodedata.normalize("NFD", name))
    return decomposed if is_file(decomposed) else path


def _missing(title: str) -> ImageInfo:
    empty = Attribution(author="", license="", license_url="", source="")
    return ImageInfo(title=title, attribution=empty, categories=(), refused=ImageError(NOT_IN_FILES))
