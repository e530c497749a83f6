"""Image candidates of one entity, best first."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from factory.images.base import ImageInfo
from factory.images.download import DownloadResult
from factory.store.store import Rejection
from pangea_cultural.errors import ImageError

NO_IMAGE = "no usable image"
"""Rejection reason of an entity without candidates, or whose candidates were all rejected."""
NOT_IN_ANY_SOURCE = "image not in any source"
ENOUGH = "more images than max_per_entity"
SAME_CONTENT = "same content as another file of the entity"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A file that may show an entity."""

    title: str
    """File title, as the claim or the category gives it."""
    via: str = ""
    """P18, another photo property, or category."""
    source: int = -1
    """Index of the recipe's source that has the file, -1 where none has."""
    info: ImageInfo | None = None

    @property
    def known_info(self) -> ImageInfo:
        """The info of a file that a source has."""
        assert self.info is not None, self.title
        return self.info

    @property
    def key(self) -> str:
        """Identity of the file, after redirects."""
        return self.info.title if self.info else self.title

    def problem(self) -> ImageError | None:
        """Return the reason why the file cannot be used, as far as it is known before fetching."""
        return ImageError(NOT_IN_ANY_SOURCE) if self.info is None else self.info.refused


class EntityImageCandidates:
    """Candidates of an entity, tried in order until the entity has enough images.

    Args:
        entity: id of the entity.
        limit: maximum number of images.
    """

    def __init__(self, entity: str, limit: int) -> None:
        self.entity = entity
        self.categories: list[str] = []
        """Categories whose files are not candidates yet."""
        self.accepted: list[Candidate] = []
        self._limit = limit
        self._pending: deque[Candidate] = deque()
        self._seen: set[str] = set()
        self._images: set[str] = set()
        self._rejected: list[tuple[str, ImageError]] = []

    def add(self, candidate: Candidate, via: str) -> None:
        """Append a candidate, unless its file was added before."""
        if candidate.key not in self._seen:
            self._seen.add(candidate.key)
            self._pending.append(replace(candidate, via=via))

    def needs_category(self) -> bool:
        """Return whether the pending candidates are too few and a category is left."""
        usable = sum(candidate.problem() is None for candidate in self._pending)
        return bool(self.categories) and len(self.accepted) + usable < self._limit

    def pop_categories(self) -> list[str]:
        """Return the categories and forget them."""
        names, self.categories = self.categories, []
        return names

    def next_batch(self) -> list[Candidate]:
        """Return as many candidates as images are missing. Reject those with a known problem."""
        batch: list[Candidate] = []
        while self._pending and len(self.accepted) + len(batch) < self._limit:
            candidate = self._pending.popleft()
            problem = candidate.problem()
            if problem is None:
                batch.append(candidate)
            else:
                self._rejected.append((candidate.title, _placed(problem, candidate)))
        return batch

    def record_results(self, batch: Sequence[Candidate], results: Mapping[str, DownloadResult]) -> None:
        """Accept the candidates whose image is new to the entity and reject the others.

        Args:
            batch: candidates from `next_batch`.
            results: downloads by the candidates' keys.
        """
        for candidate in batch:
            outcome = results[candidate.key].outcome
            if isinstance(outcome, ImageError):
                self._rejected.append((candidate.title, _placed(outcome, candidate)))
            elif outcome.image in self._images:
                self._rejected.append((candidate.title, _placed(ImageError(SAME_CONTENT), candidate)))
            else:
                self._images.add(outcome.image)
                self.accepted.append(candidate)

    def rejections(self) -> list[Rejection]:
        """Return the rejected candidates, one for each fault, and the entity itself if it has no image."""
        # Rows of own knowledge are used or rejected. Further files of Commons are not counted.
        rest = [c for c in self._pending if c.info and c.info.row]
        self._rejected += [(c.title, _placed(c.problem() or ImageError(ENOUGH), c)) for c in rest]
        self._pending.clear()
        by_fault = {error.subject or f"file {title}": (title, error) for title, error in reversed(self._rejected)}
        rejections = [
            Rejection(f"{self.entity} {title}", error.reason, error.detail, unit="file")
            for title, error in reversed(by_fault.values())
        ]
        return rejections if self.accepted else [*rejections, Rejection(self.entity, NO_IMAGE)]


def _placed(problem: ImageError, candidate: Candidate) -> ImageError:
    """Return a problem with the row that names the image, if there is one."""
    row = candidate.info.row if candidate.info else ""
    if not row:
        return problem
    return ImageError(problem.reason, f"{row}: {problem.detail}".removesuffix(": "), problem.subject)
