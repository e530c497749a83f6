"""Images that are in another data set than the rows, found by their address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalsuite.data.source import DataSets, Source, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class SideImages:
    """Place of the images of a benchmark whose rows have addresses of images only."""

    source: Source
    split: Split
    key: str
    """Column of the rows with the address."""
    columns: Mapping[str, str]
    """Columns of images in the other data set, with the columns of their addresses. Some may be absent."""


class ImagesByAddress:
    """Images of another data set by their address.

    Args:
        place: the data set and its columns.
        data_sets: the data sets that it is opened from.
    """

    def __init__(self, place: SideImages, data_sets: DataSets) -> None:
        kinds = dict.fromkeys(place.columns, "image?") | dict.fromkeys(place.columns.values(), "str?")
        self._rows = data_sets.open(place.source, place.split, kinds)
        self.key = place.key
        """Column of the rows with the address."""
        self._places = {
            address: (number, column)
            for number, row in enumerate(self._rows.texts())
            for column, name in place.columns.items()
            if (address := row.get(name))
        }

    @property
    def identity(self) -> str:
        """The commit or the hash of the data."""
        return self._rows.identity

    def find(self, address: str) -> Any:
        """Return the image of an address, None if there is none."""
        number, column = self._places.get(address, (None, ""))
        return None if number is None else self._rows.images(number).get(column)
