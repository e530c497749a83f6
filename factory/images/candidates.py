"""What one entity wishes for: some images, out of candidates in the order in which they should be tried."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from factory.images.base import ImageInfo
from factory.images.download import Download
from pangea_cultural.errors import ImageError

NO_IMAGE = "no usable image"
"""The rejection's reason of an entity for which no candidate is left, or was none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A file that may show an entity."""

    title: str
    """As the claim or the category names it."""
    via: str = ""
    """P18, another photo property, or category."""
    source: int = -1
    """Which of the recipe's sources has it; -1 where none does."""
    info: ImageInfo | None = None

    @property
    def known(self) -> ImageInfo:
        """The info of a file that a source has."""
        assert self.info is not None, self.title
        return self.info

    @property
    def key(self) -> str:
        """What makes two candidates the same file: redirects have been followed."""
        return self.info.title if self.info else self.title

    def problem(self) -> ImageError | None:
        """Why it need not be fetched."""
        if self.info is None:
            return ImageError("image not in any source")
        if self.info.refused is None and not self.info.license:
            return ImageError("no license")
        return self.info.refused


class Wish:
    """The images of an entity, on the way."""

    def __init__(self, entity: str, limit: int) -> None:
        self.entity = entity
        self.categories: list[str] = []
        """Not opened yet."""
        self.kept: list[Candidate] = []
        self._limit = limit
        self._waiting: deque[Candidate] = deque()
        self._seen: set[str] = set()
        self._images: set[str] = set()
        self._rejected: list[tuple[str, ImageError]] = []

    def add(self, candidate: Candidate, via: str) -> None:
        """Put a candidate at the end; a file that is one already is none again."""
        if candidate.key not in self._seen:
            self._seen.add(candidate.key)
            self._waiting.append(replace(candidate, via=via))

    def needs_category(self) -> bool:
        """Whether the candidates at hand cannot be enough, and there is a category that was not looked into."""
        usable = sum(candidate.problem() is None for candidate in self._waiting)
        return bool(self.categories) and len(self.kept) + usable < self._limit

    def open_categories(self) -> list[str]:
        """The categories to look into, once."""
        names, self.categories = self.categories, []
        return names

    def take(self) -> list[Candidate]:
        """As many candidates as images are missing; those that need not be fetched are rejected on the way."""
        taken: list[Candidate] = []
        while self._waiting and len(self.kept) + len(taken) < self._limit:
            candidate = self._waiting.popleft()
            problem = candidate.problem()
            if problem is None:
                taken.append(candidate)
            else:
                self._rejected.append((candidate.title, problem))
        return taken

    def settle(self, taken: list[Candidate], downloads: Mapping[str, Download]) -> None:
        """Keep what has come and is new to the entity, reject the rest."""
        for candidate in taken:
            outcome = downloads[candidate.key].outcome
            if isinstance(outcome, ImageError):
                self._rejected.append((candidate.title, outcome))
            elif outcome.image in self._images:
                self._rejected.append((candidate.title, ImageError("same content as another file of the entity")))
            else:
                self._images.add(outcome.image)
                self.kept.append(candidate)

    def rejections(self) -> list[dict[str, str]]:
        """A row for each candidate that was tried in vain, and one for the entity where nothing is left."""
        rows = [
            {"item": f"{self.entity} {title}", "reason": str(error), "detail": error.detail}
            for title, error in self._rejected
        ]
        return rows if self.kept else [*rows, {"item": self.entity, "reason": NO_IMAGE, "detail": ""}]
