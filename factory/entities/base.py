"""What the factory asks of a source. There are two kinds: one that streams documents, and one that is asked for ids."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from factory.entities.sources.dump import Batch


@runtime_checkable
class StreamSource(Protocol):
    """Documents in an order of its own: a dump, files."""

    @property
    def name(self) -> str:
        """Stands in the store as the place that rows came from."""

    @property
    def size_bytes(self) -> int:
        """Of its files, for progress."""

    def batches(self, wanted: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """The documents that a test lets through, from a position on (see dump.batches)."""


class Slice(Protocol):
    """A part of what a source is asked for."""

    @property
    def key(self) -> str:
        """Says what is asked for; the same in every run."""

    @property
    def whole(self) -> str:
        """Key of the slice that is given up with this one, and with all its other parts, where none is answered."""

    def split(self) -> Sequence["Slice"]:
        """The same in finer parts; none where it cannot be finer."""


@runtime_checkable
class LookupSource(Protocol):
    """Ids first, slice by slice, then documents by id: SPARQL, the entity API."""

    @property
    def name(self) -> str:
        """Stands in the store as the place that rows came from."""

    def slices(self) -> Sequence[Slice]:
        """What to ask for, in a stable order."""

    def find(self, slice: Any) -> list[str]:
        """Sorted ids of a slice.

        Raises:
            TooMuchError: the answer was cut off or took too long: the slice must be split.
            UserError: the endpoint does not answer; what was done is kept.
        """

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Every id with its document, in the order asked for; a deleted one with `{"id": …, "missing": ""}`."""


class TooMuchError(Exception):
    """An answer that was cut off, took too long or is too large: never to be taken as empty."""
