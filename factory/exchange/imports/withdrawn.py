"""Withdrawn rows and images of a data set that is imported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from factory.exchange.imports.images import Found
from factory.exchange.source import CREDITS
from pangea_cultural.dataset import withdrawn_rows
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.titles import normalized
from pangea_cultural.dataset.withdrawal import WITHDRAWN, Withdrawn, WithdrawnImage, WithdrawnLicense
from pangea_cultural.dataset.withdrawn_rows import Matcher


def matcher(folder: Path, manifest: dict[str, Any], items: Sequence[Withdrawn]) -> Matcher:
    """Return what finds the rows that withdrawals concern.

    Args:
        folder: folder of the data set, which can have a table of images.
        manifest: its manifest; empty if it has none. What its build knew is not in it.
        items: the withdrawals.
    """
    export = Export(folder, manifest)
    return withdrawn_rows.matcher_of(export, items) if (folder / CREDITS).is_file() else Matcher(items, {})


@dataclass
class ImageJudge:
    """Withdrawn images, by content, title and license.

    Args:
        items: the withdrawals.
        folder: folder of the data set, which can have a table of images.
        license: license of images that come without one.
    """

    items: Sequence[Withdrawn]
    folder: Path
    license: str = ""
    _credits: dict[str, dict[str, Any]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        images = [item for item in self.items if isinstance(item, WithdrawnImage)]
        self._contents = {digest for item in images for digest in item.images}
        self._titles = {item.file for item in images if item.file}
        self._licenses = [item for item in self.items if isinstance(item, WithdrawnLicense)]
        if (self.folder / CREDITS).is_file():
            table = pq.read_table(self.folder / CREDITS, columns=["image", "file", "license", "license_code"])
            self._credits = {row["image"]: row for row in table.to_pylist()}

    def judged(self, found: Iterator[Found]) -> Iterator[Found]:
        """Yield stored images. Withdrawn ones get the reason; other paths can have the same file."""
        for image in found:
            is_withdrawn = image.image and self._is_withdrawn(image)
            yield image._replace(reason=WITHDRAWN) if is_withdrawn else image

    def _is_withdrawn(self, image: Found) -> bool:
        credit = self._credits.get(image.image) or self._credits.get(image.path) or {}
        titles = {normalized(PurePosixPath(image.path).name), normalized(credit.get("file") or "")}
        names = [credit.get("license_code") or "", credit.get("license") or self.license]
        return (
            PurePosixPath(image.image).stem in self._contents
            or not titles.isdisjoint(self._titles)
            or any(item.covers(*names) for item in self._licenses)
        )
