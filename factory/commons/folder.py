"""A picture source over a local folder: photos of one's own, or fetched earlier, with a list that says whose they are.

The list is a JSON array or JSON Lines; each entry has `file` (relative to the list's folder), `title` (the Commons
file name that claims use; `commons_title` is read too), `author`, `licence` (or `license`), and optionally
`licence_url`, `source`, `categories`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from factory.commons.source import PictureInfo
from pangea_cultural.errors import UserError


class Folder:
    """Pictures of a local folder."""

    def __init__(self, listing: Path) -> None:
        self._paths: dict[str, Path] = {}
        self._infos: dict[str, PictureInfo] = {}
        self._categories: dict[str, list[str]] = {}
        for row in _entries(listing):
            self._add(row, listing)

    def _add(self, row: dict, listing: Path) -> None:
        title = row.get("title") or row.get("commons_title")
        if not title or not row.get("file"):
            raise UserError(f"{listing}: an entry without file or title: {row}")
        path = (listing.parent / row["file"]).resolve()
        if not path.is_relative_to(listing.parent.resolve()):
            raise UserError(f"{listing}: {row['file']} lies outside the list's folder")
        title = normalised(title)
        self._paths[title] = path
        self._infos[title] = PictureInfo(
            title=title,
            author=row.get("author") or "",
            licence=row.get("licence") or row.get("license") or "",
            licence_url=row.get("licence_url") or row.get("license_url") or "",
            source=row.get("source") or str(row["file"]),
            categories=tuple(row.get("categories") or ()),
        )
        for category in self._infos[title].categories:
            self._categories.setdefault(category, []).append(title)

    def files_in_category(self, category: str) -> list[str]:
        """Titles of the files of a category, in the list's order."""
        return self._categories.get(category, [])

    def metadata(self, title: str) -> PictureInfo | None:
        """What is known of a file; None where the folder does not hold it."""
        title = normalised(title)
        return self._infos.get(title) if title in self._paths and self._paths[title].is_file() else None

    def fetch(self, title: str) -> bytes:
        """The content of a file."""
        return self._paths[normalised(title)].read_bytes()

    def fetch_many(self, titles: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The contents of several files, in order."""
        for title in titles:
            yield title, self.fetch(title)


def normalised(title: str) -> str:
    """A file title as Commons writes it: no `File:`, blanks for underscores, a capital first letter."""
    title = title.removeprefix("File:").replace("_", " ").strip()
    return title[:1].upper() + title[1:]


def _entries(listing: Path) -> list[dict]:
    content = listing.read_bytes()
    try:
        if content.lstrip().startswith(b"["):
            return orjson.loads(content)
        return [orjson.loads(line) for line in content.splitlines() if line.strip()]
    except orjson.JSONDecodeError as error:
        raise UserError(f"{listing} is neither JSON nor JSON Lines: {error}") from error
