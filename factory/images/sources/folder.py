"""Image source for a local folder with a list of its images.

The list is a JSON array or JSON Lines. An entry has `file` (relative to the list's folder), `title` (the Commons file
name that claims use) or `commons_title`, `author` and `license`. Optional are `license_url`, `source` and `categories`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import orjson

from factory.images.base import Attribution, FetchedImage, ImageInfo
from factory.images.titles import normalized
from pangea_cultural.errors import ImageError, UserError

UNREADABLE_FILE = "file cannot be read"


class FolderSource:
    """Images of a local folder."""

    def __init__(self, listing: Path) -> None:
        self._paths: dict[str, Path] = {}
        self._infos: dict[str, ImageInfo] = {}
        self._categories: dict[str, list[str]] = {}
        for row in _entries(listing):
            self._add(row, listing)

    def _add(self, row: dict[str, Any], listing: Path) -> None:
        title = row.get("title") or row.get("commons_title")
        if not title or not row.get("file"):
            raise UserError(f"{listing} has an entry without `file` or `title`: {row}. Add the missing key.")
        path = (listing.parent / row["file"]).resolve()
        if not path.is_relative_to(listing.parent.resolve()):
            raise UserError(
                f"{listing} names {row['file']}, which is outside the list's folder. Move it into the folder."
            )
        title = normalized(title)
        self._paths[title] = path
        self._infos[title] = ImageInfo(
            title=title,
            attribution=Attribution(
                author=row.get("author") or "",
                license=row.get("license") or "",
                license_url=row.get("license_url") or "",
                source=row.get("source") or str(row["file"]),
            ),
            categories=tuple(row.get("categories") or ()),
        )
        for category in self._infos[title].categories:
            self._categories.setdefault(category, []).append(title)

    def files(self) -> list[Path]:
        """Return the image files, in the list's order."""
        return list(self._paths.values())

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
        return {
            title: self._infos[name]
            for title, name in names.items()
            if name in self._paths and self._paths[name].is_file()
        }

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[FetchedImage]:
        """Yield the contents of files, in order."""
        for info in infos:
            try:
                yield info, self._paths[info.title].read_bytes()
            except OSError as error:
                yield info, ImageError(UNREADABLE_FILE, str(error))


def _entries(listing: Path) -> list[dict[str, Any]]:
    content = listing.read_bytes()
    try:
        if content.lstrip().startswith(b"["):
            return orjson.loads(content)
        return [orjson.loads(line) for line in content.splitlines() if line.strip()]
    except orjson.JSONDecodeError as error:
        raise UserError(f"{listing} is neither JSON nor JSON Lines ({error}). Correct it.") from error
