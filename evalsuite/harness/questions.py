"""The rows of a published benchmark that a run asks, and why it leaves out others."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.benchmarks.base import Benchmark, Row, SideImages, language_code
from evalsuite.data.images import content
from evalsuite.data.source import Rows, open_rows
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import MISSING
from pangea_cultural.utils.sampling import hash_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A row that is asked."""

    key: str
    """Unique within the run."""
    task: str
    row: Row
    """The columns without images, with the task's name as `split` and the row's `number` in the split."""
    language: str


@dataclass(frozen=True, kw_only=True)
class Questions:
    """The questions of a run about one benchmark."""

    benchmark: Benchmark
    items: list[Item]
    rows: Mapping[str, Rows]
    """The splits that were read, by task."""
    side_images: "ImagesByAddress | None" = None
    dropped: Counter[str] = field(default_factory=Counter)
    """Number of rows that are not asked, by reason."""

    def identities(self) -> dict[str, str]:
        """Return the commit or the hash of the data, by task."""
        found = {task: rows.identity for task, rows in self.rows.items()}
        return found | ({"images": self.side_images.identity} if self.side_images else {})

    def files(self, item: Item) -> list[bytes]:
        """Return the images of an item as they are in the data set.

        Raises:
            ImageError: an image is absent or not readable.
        """
        row = {**item.row, **self.rows[item.task].images(item.row["number"])}
        if self.side_images is not None:
            row["image"] = self.side_images.find(row)
        files = [content(value) for value in self.benchmark.images(row)]
        found = [file for file in files if file is not None]
        if len(found) < len(files):
            raise ImageError(MISSING)
        return found


class ImagesByAddress:
    """Images of another data set by their address.

    Args:
        place: the data set and its columns.
        data: folder with copies of data sets; None for the hub.
    """

    def __init__(self, place: SideImages, data: Path | None) -> None:
        kinds = dict.fromkeys(place.columns, "image?") | dict.fromkeys(place.columns.values(), "str?")
        self._rows = open_rows(place.source, place.split, kinds, data)
        self._key = place.key
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

    def find(self, row: Row) -> Any:
        """Return the image of a row, None if there is none of its address."""
        number, column = self._places.get(row[self._key], (None, ""))
        return None if number is None else self._rows.images(number).get(column)


def load(
    benchmark: Benchmark, data: Path | None, *, languages: tuple[str, ...], max_questions: int | None, seed: int
) -> Questions:
    """Read a benchmark and choose its questions.

    Args:
        benchmark: the benchmark.
        data: folder with copies of data sets; None for the hub.
        languages: codes of the languages to ask in; empty for all.
        max_questions: largest number of rows of each task and language; None for the benchmark's own number. Rows are
            chosen by the hash of their names, so that translations of a row are chosen together.
        seed: seed of the choice.

    Raises:
        UserError: the data set is missing, gated, or has other columns.
    """
    limit = max_questions or benchmark.max_questions
    rows: dict[str, Rows] = {}
    items: list[Item] = []
    dropped: Counter[str] = Counter()
    for task, split in benchmark.splits.items():
        if languages and not _may_have(benchmark, task, languages):
            continue
        rows[task] = open_rows(benchmark.source, split, benchmark.columns, data)
        by_language: dict[str, list[Item]] = defaultdict(list)
        for item in _scored(benchmark, task, rows[task], dropped):
            if not languages or item.language in languages:
                by_language[item.language].append(item)
        for part in by_language.values():
            items += _sample(benchmark, part, limit, seed)
    side = ImagesByAddress(benchmark.side_images, data) if benchmark.side_images and items else None
    return Questions(benchmark=benchmark, items=items, rows=rows, side_images=side, dropped=dropped)


def _may_have(benchmark: Benchmark, task: str, languages: tuple[str, ...]) -> bool:
    """Return whether a split can have rows in some languages, without reading it."""
    return benchmark.languages_share_splits or language_code(benchmark.language({"split": task})) in languages


def _scored(benchmark: Benchmark, task: str, rows: Rows, dropped: Counter[str]) -> list[Item]:
    items = []
    for number, texts in enumerate(rows.texts()):
        row: dict[str, Any] = texts | {"split": task, "number": number}
        reason = benchmark.drop(row)
        if reason:
            dropped[reason] += 1
            continue
        code = language_code(benchmark.language(row))
        items.append(Item(key=f"{benchmark.name}:{task}/{number}", task=task, row=row, language=code))
    return items


def _sample(benchmark: Benchmark, items: list[Item], limit: int | None, seed: int) -> list[Item]:
    if limit is None or len(items) <= limit:
        return items
    chosen = sorted(items, key=lambda item: hash_key(f"{seed} {benchmark.item(item.row)}"))[:limit]
    return sorted(chosen, key=lambda item: item.row["number"])
