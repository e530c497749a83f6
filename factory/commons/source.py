"""What the factory asks of a place that pictures come from, whether Commons, a local folder or a table of drawings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureInfo:
    """What is known of a picture before it is fetched."""

    title: str
    """File title as Commons writes it, without `File:`."""
    author: str
    licence: str
    """Short name, as Commons' LicenseShortName or an SPDX id; empty where nobody says."""
    licence_url: str
    source: str
    """Where the picture, or the drawing that it shows, was taken from."""
    categories: tuple[str, ...]
    """Names without `Category:`."""
    width: int | None = None
    """In pixels, where the source knows it without fetching."""
    height: int | None = None


class PictureSource(Protocol):
    """A place that pictures come from."""

    def files_in_category(self, category: str) -> list[str]:
        """Titles of a category's files, in the source's order; empty for a category that it does not have."""

    def metadata(self, title: str) -> PictureInfo | None:
        """What is known of a file; None where the source does not have it."""

    def fetch(self, title: str) -> bytes:
        """The content of a file that the source has.

        Raises:
            KeyError: the source does not have it.
        """

    def fetch_many(self, titles: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Titles and contents of several files, in the order asked for: the same bytes as `fetch` gives."""
