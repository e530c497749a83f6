"""Withdrawn rows and images of a data set that is imported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from factory.exchange.imports.images import Found
from pangea_cultural.dataset import tables, withdrawn_rows
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.titles import normalized
from pangea_cultural.dataset.withdrawal import WITHDRAWN, Withdrawn, WithdrawnImage, WithdrawnLicense
from pangea_cultural.dataset.withdrawn_rows import Matcher

NO_CREDIT = {"file": "", "license": "", "license_code": ""}
"""Columns of the table of images that tell whether an image is withdrawn."""


def matcher(credits: Path | None, manifest: dict[str, Any], items: Sequence[Withdrawn]) -> Matcher:
    """Return what finds the rows that withdrawals concern.

    Args:
        credits: the table of images of the data set, if it has one.
        manifest: its manifest; empty if it has none. What its build knew is not in it.
        items: the withdrawals.
    """
    if credits is None or not items:
        return Matcher(items, {})
    return withdrawn_rows.matcher_of(Export(credits.parent, manifest), items)


@dataclass
class ImageJudge:
    """Withdrawn images, by content, title and license.

    Args:
        items: the withdrawals.
        credits: the table of images of the data set, if it has one.
        license: license of images that come without one.
    """

    items: Sequence[Withdrawn]
    credits: Path | None
    license: str = ""
    _credits: dict[str, dict[str, str]] = field(init=False, default_factory=dict)
    """Rows of the table by path, and by hash for those that are named by it."""

    def __post_init__(self) -> None:
        images = [item for item in self.items if isinstance(item, WithdrawnImage)]
        self._contents = {digest for item in images for digest in item.images}
        self._titles = {item.file for item in images if item.file}
        self._licenses = [item for item in self.items if isinstance(item, WithdrawnLicense)]
        if self.credits and (self._titles or self._licenses):
            for row in tables.image_texts(self.credits, ("image", *NO_CREDIT)):
                self._credits[row["image"]] = self._credits[PurePosixPath(row["image"]).stem] = row

    def judged(self, found: Iterator[Found]) -> Iterator[Found]:
        """Yield stored images. Withdrawn ones get the reason; other paths can have the same file."""
        for image in found:
            is_withdrawn = image.image and self._is_withdrawn(image)
            yield image._replace(reason=WITHDRAWN) if is_withdrawn else image

    def _is_withdrawn(self, image: Found) -> bool:
        content = PurePosixPath(image.image).stem
        credits = [self._credits[key] for key in (image.path, content) if key in self._credits] or [NO_CREDIT]
        titles = {normalized(name) for name in (PurePosixPath(image.path).name, *(row["file"] for row in credits))}
        names = [name for row in credits for name in (row["license_code"], row["license"] or self.license)]
        return (
            content in self._contents
            or not titles.isdisjoint(self._titles)
            or any(item.covers(*names) for item in self._licenses)
        )
