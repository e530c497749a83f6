"""Interface of image sources: Commons, a local folder, or a table of drawings.

Calls take batches: a source behind a network answers fifty titles as fast as one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from pangea_cultural.errors import ImageError

COMMONS = "https://commons.wikimedia.org/w/api.php"
THUMBNAIL_WIDTHS = (20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840)
"""Widths in pixels that Wikimedia renders. It answers 400 for any other width."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """Author, license and origin of an image. Text is empty where the source does not state it."""

    author: str
    """Plain text."""
    author_url: str = ""
    requested: str = ""
    """Attribution text that the author asks for. It replaces the author's name."""
    credit: str = ""
    """Origin of the author's work, as plain text."""
    license: str
    """Short name, as Commons' LicenseShortName or an SPDX id."""
    license_code: str = ""
    """The source's machine code. After the license rule, the code in licenses.toml, or empty for other licenses."""
    license_url: str
    restrictions: str = ""
    """Limits of use besides copyright: personality, trademarked, insignia ..."""
    source: str
    """Origin of the image, or of the drawing that it shows."""
    page: str = ""
    """URL of the page that describes the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginalFile:
    """The original of an image, as far as the source knows it without fetching the file."""

    url: str = ""
    thumbnail_url: str = ""
    """URL of a smaller copy."""
    width: int | None = None
    """Pixels."""
    height: int | None = None
    """Pixels."""
    size_bytes: int | None = None
    sha1: str = ""
    """Hexadecimal."""
    mime: str = ""
    mediatype: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageInfo:
    """Metadata of an image, known before the image is fetched."""

    title: str
    """File title as Commons writes it, without `File:`."""
    attribution: Attribution
    original: OriginalFile = field(default_factory=OriginalFile)
    categories: tuple[str, ...]
    """Names without `Category:`."""
    date: str = ""
    """Date of creation, as the file's page states it."""
    changes: str = ""
    """Difference between the stored copy and the original ("thumbnail 960 px"). Licenses require this statement."""
    refused: ImageError | None = None
    """Reason why the source does not provide the image."""
    row: str = ""
    """Place of the row of own knowledge that names the image, such as `customs.csv:7`, for its rejection."""


FetchedImage = tuple[ImageInfo, bytes | ImageError]
"""An image's info with its content, or with the reason why there is none."""


class ImageSource(Protocol):
    """A source of images. Use it as a context manager: it may hold connections or processes."""

    def metadata(self, titles: Sequence[str]) -> dict[str, ImageInfo]:
        """Return the metadata of files by requested title, without titles that the source does not have."""

    def in_categories(self, names: Sequence[str], limit: int) -> dict[str, list[ImageInfo]]:
        """Return the first `limit` files of each category, in the source's order. Unknown categories are empty."""

    def fetch(self, infos: Sequence[ImageInfo]) -> Iterator[FetchedImage]:
        """Yield the contents of files in any order, each with its info, of which `changes` may differ.

        A file that is `refused` comes back with that reason.
        """

    def row_problems(self) -> Sequence[tuple[str, ImageError]]:
        """Return the rows of the source's list that are not used, as `list.jsonl:3`, with the reasons."""

    def __enter__(self) -> Self:
        """Open the resources that fetching needs."""

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the resources."""
