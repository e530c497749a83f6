"""Interfaces of entity sources, and the documents that they give.

There are two types of sources. One streams documents. The other finds ids and then looks up their documents.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from factory.store.store import Rejection
from factory.wikidata.entity import Entity

STAGE = "select"
"""Name of the stage in the store."""
BROKEN_LINE = "broken line"
"""Reason to reject a line that cannot be parsed."""


class IncompleteAnswerError(Exception):
    """An answer that is truncated, too slow or too large. It must never count as empty."""


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One document of a source."""

    number: int
    """Number of the line in the file, from 1. An interrupted build resumes at this position."""
    document: object
    """Parsed JSON, an `Entity` of own knowledge, or None for a broken line."""
    problem: str = ""
    """Reason of the rejection of a broken line."""
    detail: str = ""
    """Particulars of the problem, such as the parser's message."""
    asked: str = ""
    """The requested id, if documents are looked up by id."""


class SkippedEntity(NamedTuple):
    """Names of a document that cannot be selected. Claims of other entities may point to it."""

    number: int
    """Number of the line in the file, from 1."""
    id: str
    revision: int | None
    labels: bytes
    """Unparsed JSON of the labels."""
    structure: bytes = b""
    """Claims that tell what the entity is and lies in, see `structure_claims.cut`."""


class Origin(NamedTuple):
    """A row of own knowledge that is used, as a row of the table `statement`."""

    entity: str
    property: str
    value: str
    language: str
    text: str
    """Text of a name or of a value."""
    file: str
    line: int
    author: str
    source: str
    license: str
    license_code: str


@dataclass(frozen=True, slots=True)
class OwnEntity:
    """An entity of own knowledge."""

    number: int
    """Number of the entity in its source, from 1."""
    entity: Entity
    values: list[Entity]
    """Texts that are values of its claims."""
    origins: list[Origin]


@dataclass(slots=True)
class Batch:
    """Documents of a streamed source, unparsed unless they are own knowledge."""

    last: int = 0
    """Number of the last line that was read."""
    skipped: list[SkippedEntity] = field(default_factory=list)
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    """Candidates, each with its line number."""
    own: list[OwnEntity] = field(default_factory=list)
    """Entities of own knowledge."""
    rejections: list[Rejection] = field(default_factory=list)
    """Rows of own knowledge that are not used."""
    bytes_read: int = 0
    """Bytes of the source's files that were read so far, for progress."""


@runtime_checkable
class StreamSource(Protocol):
    """A source that gives documents in its own order: a dump, files."""

    @property
    def name(self) -> str:
        """Name of the source in the store."""

    @property
    def size_bytes(self) -> int:
        """Size of its files, for progress."""

    def batches(self, is_candidate: Callable[[bytes], object], *, start: int = 0) -> Iterator[Batch]:
        """Yield the documents after line `start`. Those that fail `is_candidate` may be skipped."""


class Slice(Protocol):
    """A part of the ids of a source, found by one query."""

    @property
    def key(self) -> str:
        """Description of the slice, equal in every run."""

    @property
    def undivided_key(self) -> str:
        """Key of the undivided slice. It is abandoned with all its parts if none of them is answered."""

    def split(self) -> Sequence["Slice"]:
        """Return smaller slices with the same ids, or nothing if there are none."""


@runtime_checkable
class LookupSource(Protocol):
    """A source that is asked for ids slice by slice, then for documents by id: SPARQL, the entity API."""

    @property
    def name(self) -> str:
        """Name of the source in the store."""

    def slices(self) -> Sequence[Slice]:
        """Return the first slices in a stable order."""

    def find(self, slice: Any) -> list[str]:
        """Return the sorted ids of a slice.

        Raises:
            IncompleteAnswerError: the answer is truncated or too slow. The slice must be split.
            UserError: the endpoint does not answer. Finished work is kept.
        """

    def documents(self, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield every id with its document, in the given order. A deleted one is `{"id": ..., "missing": ""}`."""
