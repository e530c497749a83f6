"""The rows of a published benchmark that a run asks, and why it leaves out others."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalsuite.benchmarks.base import Benchmark, Row, language_code
from evalsuite.data.images import content
from evalsuite.data.side_images import Finder, open_finder
from evalsuite.data.source import DataSets, Rows
from pangea_cultural.errors import ImageError, UserError
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
    selection: "Selection"
    dropped: Mapping[str, int]
    """Number of rows in the languages of the run that are not asked, by reason."""
    side_images: Finder | None = None

    def by_task(self) -> dict[str, list[Item]]:
        """Return the questions by task, in their order."""
        found: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            found[item.task].append(item)
        return found

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
            row["image"] = self.side_images.of(row)
        files = [content(value) for value in self.benchmark.images(row)]
        found = [file for file in files if file is not None]
        if len(found) < len(files):
            raise ImageError(MISSING)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The part of a benchmark that is asked."""

    languages: tuple[str, ...]
    """Codes of the languages to ask in; empty for all."""
    max_questions: int | None
    """Largest number of questions per task and language; None for the number of each benchmark."""
    seed: int
    """Seed of the choice of questions."""

    def limit(self, benchmark: Benchmark) -> int | None:
        """Return the largest number of questions per task and language of a benchmark; None for all."""
        return self.max_questions or benchmark.max_questions


def load(benchmark: Benchmark, data_sets: DataSets, selection: Selection) -> Questions:
    """Read a benchmark and choose its questions.

    Rows are chosen by the hash of their names, so that translations of a row are chosen together.

    Raises:
        UserError: the data set is missing, gated, or has other columns.
    """
    rows: dict[str, Rows] = {}
    items: list[Item] = []
    dropped: Counter[str] = Counter()
    for task, split in benchmark.splits.items():
        if not _may_have(benchmark, task, selection.languages):
            continue
        rows[task] = data_sets.open(benchmark.source, split, benchmark.columns)
        by_language: dict[str, list[Item]] = defaultdict(list)
        with _published_rows(benchmark, task):
            for item in _wanted(benchmark, task, rows[task], selection.languages):
                reason = benchmark.drop(item.row)
                if reason:
                    dropped[reason] += 1
                else:
                    by_language[item.language].append(item)
        for part in by_language.values():
            items += _sample(benchmark, part, selection.limit(benchmark), selection.seed)
    side = open_finder(benchmark.side_images, data_sets) if benchmark.side_images and items else None
    return Questions(
        benchmark=benchmark, items=items, rows=rows, selection=selection, side_images=side, dropped=dict(dropped)
    )


@contextlib.contextmanager
def _published_rows(benchmark: Benchmark, task: str) -> Iterator[None]:
    """Turn errors about values that no published row has into one line, such as a null in place of options."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        fact = f"{type(error).__name__}: {error}".split("\n")[0][:200].rstrip(".")
        raise UserError(
            f"A row of {task} of {benchmark.source.repo} has other values than the published ones ({fact}). "
            "Use the published data set, or report its new layout."
        ) from error


def _may_have(benchmark: Benchmark, task: str, languages: tuple[str, ...]) -> bool:
    """Return whether a split can have rows in some languages, without reading it."""
    if not languages or benchmark.languages_share_splits:
        return True
    return language_code(benchmark.language({"split": task})) in languages


def _wanted(benchmark: Benchmark, task: str, rows: Rows, languages: tuple[str, ...]) -> Iterator[Item]:
    """Yield the rows of a task in some languages, also those that are dropped later."""
    from_all = benchmark.from_all(rows.texts()) if benchmark.from_all else None
    for number, texts in enumerate(rows.texts()):
        whole: dict[str, Any] = texts | {"split": task, "number": number}
        if from_all is not None:
            whole["from_all"] = from_all(whole)
        parts = benchmark.expand.rows(whole) if benchmark.expand else [{}]
        for place, added in enumerate(parts):
            row = {**whole, **added}
            code = language_code(benchmark.language(row))
            if not languages or code in languages:
                part = f".{place}" if benchmark.expand else ""
                yield Item(key=f"{benchmark.name}:{task}/{number}{part}", task=task, row=row, language=code)


def _sample(benchmark: Benchmark, items: list[Item], limit: int | None, seed: int) -> list[Item]:
    if limit is None or len(items) <= limit:
        return items
    chosen = sorted(items, key=lambda item: hash_key(f"{seed} {benchmark.item(item.row)}"))[:limit]
    return sorted(chosen, key=lambda item: item.row["number"])
