"""Image source for a local folder with a list of its images.

The list is a JSON array or JSON Lines. An entry has `file` (relative to the list's folder), `title` (the Commons file
name that claims use) or `commons_title`, `author` and `license`. Optional are `license_url`, `source`, `categories` and
the other keys of `KEYS`. A wrong entry is a rejection.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from factory.images.base import Attribution, FetchedImage, ImageInfo
from factory.images.sources.rows import (
    BAD_ROW,
    TWICE,
    Row,
    RowProblem,
    checked,
    inside,
    is_file,
    read_file,
    read_rows,
    text,
    texts,
)
from pangea_cultural.dataset.titles import is_valid, normalized
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import FILE_TOO_LARGE, MAX_BYTES

KEYS = (
    *("file", "title", "commons_title", "author", "author_url", "attribution", "credit", "license", "license_url"),
    *("restrictions", "source", "page", "categories", "date", "changes"),
)
"""Known keys. Others are ignored, unless they resemble a known one."""


class FolderSource:
    """Images of a local folder."""

    def __init__(self, listing: Path) -> None:
        self._folder = listing.parent
        self._paths: dict[str, Path] = {}
        self._infos: dict[str, ImageInfo] = {}
        self._categories: dict[str, list[str]] = {}
        self._problems: list[RowProblem] = []
        for name, row in read_rows(listing):
            try:
                self._add(name, row)
            except ImageError as error:
                self._problems.append((name, error))

    def _add(self, name: str, row: Any) -> None:
        """Add an entry. One with a title and another fault is refused under its title.

        Raises:
            ImageError: the entry has no title of its own.
        """
        title = _title(row)
        if title in self._infos:
            raise ImageError(TWICE, title)
        try:
            info, self._paths[title] = self._read(title, checked(row, KEYS))
        except ImageError as error:
            empty = Attribution(author="", license="", license_url="", source=name)
            problem = ImageError(error.reason, f"{name}: {error.detail}")
            info = ImageInfo(title=title, attribution=empty, categories=(), refused=problem)
        self._infos[title] = info
        for category in info.categories:
            self._categories.setdefault(category, []).append(title)

    def _read(self, title: str, row: Row) -> tuple[ImageInfo, Path]:
        file = text(row, "file")
        if not file:
            raise ImageError(BAD_ROW, "no `file`")
        attribution = Attribution(
            author=text(row, "author"),
            author_url=text(row, "author_url"),
            requested=text(row, "attribution"),
            credit=text(row, "credit"),
            license=text(row, "license"),
            license_url=text(row, "license_url"),
            restrictions=text(row, "restrictions"),
            source=text(row, "source") or file,
            page=text(row, "page"),
        )
        info = ImageInfo(
            title=title,
            attribution=attribution,
            categories=texts(row, "categories"),
            date=text(row, "date"),
            changes=text(row, "changes"),
        )
        return info, inside(self._folder, file)

    def files(self) -> list[Path]:
        """Return the image files, in the list's order."""
        return list(self._paths.values())

    def row_problems(self) -> list[RowProblem]:
        """Return the entries of the list that have no title of their own."""
        return self._problems

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """Return the first files of each category, in the list's order."""
        return {name: list(self.metadata(self._categories.get(name, [])[:limit]).values()) for name in names}

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """Return the metadata of files by requested title, without files that the folder lacks."""
        names = {title: normalized(title) for title in titles}
        return {title: self._infos[name] for title, name in names.items() if self._has(name)}

    def _has(self, name: str) -> bool:
        info = self._infos.get(name)
        return info is not None and (info.refused is not None or is_file(self._paths[name]))

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[FetchedImage]:
        """Yield the contents of files, in order."""
        for info in infos:
            try:
                if info.refused:
                    raise info.refused
                yield info, read_file(self._paths[info.title], MAX_BYTES, FILE_TOO_LARGE)
            except ImageError as error:
                yield info, error


def _title(row: Any) -> str:
    """Return the title of an entry.

    Raises:
        ImageError: it has none that can name a file.
    """
    if not isinstance(row, dict):
        checked(row, KEYS)
    title = normalized(text(row, "title") or text(row, "commons_title"))
    if not is_valid(title):
        checked(row, KEYS)  # A misspelled key explains a missing title.
        raise ImageError(BAD_ROW, "no `title` that can name a file")
    return title
