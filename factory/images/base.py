"""What the factory asks of a place that images come from, whether Commons, a local folder or a table of drawings.

It is asked in batches: a place behind a network answers fifty titles as fast as one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from pangea_cultural.errors import ImageError

COMMONS = "https://commons.wikimedia.org/w/api.php"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageInfo:
    """What is known of an image before it is fetched; text is empty where the source does not say."""

    title: str
    """File title as Commons writes it, without `File:`."""
    author: str
    """Plain text."""
    author_url: str = ""
    attribution: str = ""
    """How the author wants to be named; where given, it stands in the author's place."""
    credit: str = ""
    """Where the author's work was taken from, as plain text."""
    license: str
    """Short name, as Commons' LicenseShortName or an SPDX id."""
    license_code: str = ""
    """Our name for it, see licenses.toml; empty for a license of one's own folder that the table does not have."""
    license_url: str
    restrictions: str = ""
    """What besides copyright limits the use: personality, trademarked, insignia ..."""
    source: str
    """Where the image, or the drawing that it shows, was taken from."""
    page: str = ""
    """URL of the page that describes the file."""
    url: str = ""
    """URL of the original file."""
    thumbnail: str = ""
    """URL of a smaller copy."""
    categories: tuple[str, ...]
    """Names without `Category:`."""
    width: int | None = None
    """Of the original, in pixels, where the source knows it without fetching."""
    height: int | None = None
    size_bytes: int | None = None
    """Of the original."""
    sha1: str = ""
    """Of the original, in hexadecimal."""
    mime: str = ""
    mediatype: str = ""
    date: str = ""
    """When the image was taken or made, as its page says."""
    changes: str = ""
    """What makes our copy differ from the original ("thumbnail 960 px"); licenses ask us to say it."""
    refused: ImageError | None = None
    """Why the source does not give the image; None where it does."""


Fetched = tuple[ImageInfo, bytes | ImageError]
"""An image's info with its content, or with the reason why there is none."""


class ImageSource(Protocol):
    """A place that images come from. Use it as a context manager: it may hold connections or processes."""

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """What is known of files, by the titles asked for; titles that the source does not have are left out."""

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """The first `limit` files of each category, in the source's order; empty for a category it does not have."""

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[Fetched]:
        """The contents of files that the source has, in any order, each with its info (of which `changes` may differ).

        One that `refused` is no error of the caller: it comes back with that reason.
        """

    def __enter__(self) -> Self:
        """Open what fetching needs."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
