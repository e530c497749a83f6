"""Withdrawn images: files that no build may fetch again, by title, content, license, or entity."""

from collections.abc import Iterable
from typing import Any

from factory.images.base import ImageInfo
from factory.reference.properties import IMAGE_PROPERTIES
from pangea_cultural.dataset.titles import normalized
from pangea_cultural.dataset.withdrawal import (
    WITHDRAWN,
    Withdrawn,
    WithdrawnClaim,
    WithdrawnImage,
    WithdrawnLicense,
)
from pangea_cultural.errors import ImageError


class Blocklist:
    """The images of a withdrawal list.

    Args:
        items: withdrawals; those of entities do not concern images.
    """

    def __init__(self, items: Iterable[Withdrawn] = ()) -> None:
        self._titles: dict[str, Withdrawn] = {}
        self._originals: dict[str, Withdrawn] = {}
        self._contents: dict[str, Withdrawn] = {}
        self._pairs: dict[tuple[str, str], Withdrawn] = {}
        self._licenses: list[WithdrawnLicense] = []
        for item in items:
            if isinstance(item, WithdrawnImage):
                self._titles |= {item.file: item} if item.file else {}
                self._originals |= dict.fromkeys(item.sha1, item)
                self._contents |= dict.fromkeys(item.images, item)
            elif isinstance(item, WithdrawnLicense):
                self._licenses.append(item)
            elif isinstance(item, WithdrawnClaim) and item.property in IMAGE_PROPERTIES:
                self._pairs[item.entity, normalized(item.value)] = item

    def problem(self, entity: str, title: str, info: ImageInfo | None) -> ImageError | None:
        """Return the reason why an entity must not get a file, as far as it is known before fetching.

        Args:
            entity: the entity.
            title: title in the claim, or in the category.
            info: metadata of the file, which can have another title.
        """
        titles = {normalized(title), *([normalized(info.title)] if info else [])}
        found: list[Any] = [self._titles.get(name) or self._pairs.get((entity, name)) for name in titles]
        if info:
            found.append(self._originals.get(info.original.sha1))
            names = (info.attribution.license_code, info.attribution.license)
            found += [item for item in self._licenses if item.covers(*names)]
        return next((_error(item) for item in found if item), None)

    def problem_of_content(self, image: str) -> ImageError | None:
        """Return the reason why a stored image must not be used; `image` is its SHA-256."""
        return _error(self._contents[image]) if image in self._contents else None


def _error(item: Withdrawn) -> ImageError:
    return ImageError(WITHDRAWN, item.reason)
