"""The parts of a benchmark: where its rows are, what is asked, and how an answer is scored.

A benchmark is a `Benchmark` with pure functions. Nothing here imports lighteval, so scores can be checked without it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evalsuite.data.side_images import ImageFiles, SideImages
from evalsuite.data.source import Source, Split
from pangea_cultural.errors import UserError
from pangea_cultural.reference import own_tables
from pangea_cultural.reference.languages import language, languages
from pangea_cultural.utils.sampling import hash_seed

if TYPE_CHECKING:
    from evalsuite.benchmarks.judging import Judging
    from evalsuite.benchmarks.rotation import Rotation

Row = Mapping[str, Any]
"""A row of the data set, with the name of its task as `split`."""

IMAGE_MARK = "<image>"
"""Place of an image in a prompt. A prompt without it follows its images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The worth of an answer."""

    reference: float | None
    """Score of the reference harness, from 0 to 1. None if it stops with an error at this row."""
    robust: float | None
    """Score without guessing, from 0 to 1. None if the row has no right answer, or a judge has not scored it."""
    answer: str | None
    """Part of the answer that the robust score is computed from, such as a letter. None if nothing was found."""
    guessed: bool = False
    """Whether the reference draws an option at random here. The draw depends on the row only."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Other metrics of the reference, by name."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A published score, in percent."""

    model: str
    part: str
    """The languages that it is about: `en`, `mul` (all others) or `all`."""
    value: float
    source: str
    same_protocol: bool
    """Whether the published score is known to have this prompt, parser and average."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Questions of a row of the data set that has several."""

    columns: tuple[str, ...]
    """Names of the added columns."""
    rows: Callable[[Row], Sequence[Mapping[str, Any]]]
    """The added columns of each question. A row that cannot be read has one that is dropped."""


def one_image(row: Row) -> list[Any]:
    """Return the only image of a row, from the column `image`."""
    return [row["image"]]


def found_images(row: Row) -> list[Any]:
    """Return the images of a row that its paths name."""
    images: list[Any] = row["image"]
    return images


def keep_all(row: Row) -> str | None:
    """Drop no row."""
    return None


def split_name(row: Row) -> str:
    """Return the name of a row's task, which is a language where languages have splits of their own."""
    name: str = row["split"]
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A benchmark over a published data set."""

    name: str
    title: str
    groups: tuple[str, ...]
    """`culture`, `mainstream` or `held-out`."""
    source: Source
    splits: Mapping[str, Split]
    """Place of the rows of each task. A task is a language, unless languages share splits."""
    languages_share_splits: bool = False
    """Whether only the rows themselves say which language they are in."""
    columns: Mapping[str, str]
    """Kind of every column that is used (`evalsuite/data/schema.py`)."""
    prompt: Callable[[Row], str]
    """Text of the question. Needs no images."""
    score: Callable[[Row, str], Score]
    """Score of an answer to a row. Needs no images."""
    answers: Callable[[Row], Sequence[str]]
    """All right answers to a row without options, or whose options `rotation` does not know; empty if not public."""
    item: Callable[[Row], str]
    """Name of a row. Translations of a row have the same name."""
    expand: Expansion | None = None
    """Split of a row into several questions; None if a row is one question."""
    side_images: SideImages | ImageFiles | None = None
    """Place of the images, if they are not in the rows. They are then the column `image`."""
    image_size: tuple[int, int] | None = None
    """Width and height that the reference squeezes images to; None if it keeps their size."""
    system: str = ""
    """Text of the system's message; empty if there is none."""
    images: Callable[[Row], Sequence[Any]] = one_image
    """Images of a row in the order of the prompt, not decoded."""
    language: Callable[[Row], str] = split_name
    """Language of a row, as the data set writes it."""
    cluster: Callable[[Row], str | None] = lambda row: None
    """Name that correlated rows share. None stands for the content of their images."""
    drop: Callable[[Row], str | None] = keep_all
    """Reason why a row is not scored, None for a row that is. Dropped rows are counted."""
    facets: Callable[[Row], Mapping[str, str]] = lambda row: {}
    """Region, category and other parts that figures can be split by."""
    max_tokens: int
    """Longest answer, in tokens."""
    other_max_tokens: Mapping[str, int] = field(default_factory=dict)
    """Longest answer of tasks for which it differs."""
    chance: Callable[[Row], float] = lambda row: 0.0
    metric: str = "accuracy"
    """Name of the reference score."""
    has_reference: bool = True
    """Whether there is a reference score without a judge."""
    from_all: Callable[[Iterable[Row]], Callable[[Row], Any]] | None = None
    """Value of the column `from_all`, which depends on all rows of a task, also on those that are not asked."""
    judging: "Judging | None" = None
    """Scores of answers by a judge; None if they need no judge."""
    score_all: Callable[[Sequence[Row], Sequence[str]], list[Score]] | None = None
    """Scores of all answers of a task at once, for metrics that depend on all of them."""
    submission: Callable[[Sequence[Row], Sequence[str]], str] | None = None
    """Text of the file that the task's organizers score, `prediction.jsonl`; None if there is none."""
    rotation: "Rotation | None" = None
    """The options of its rows; None if rows have none."""
    max_questions: int | None = None
    """Rows of each task that are asked without --max-questions. None for all of them."""
    unverified: tuple[str, ...] = ()
    """Facts that no public source states. The run repeats them."""
    deviations: tuple[str, ...] = ()
    """Differences between the reference score and that of the harness."""
    anchors: tuple[Anchor, ...] = ()
    version: int = 1
    """Raise it when prompt or score change, so that answers are asked again."""

    @property
    def is_plain(self) -> bool:
        """Whether lighteval itself can ask it: rows in splits, one question each, no system's message and no judge."""
        has_files = isinstance(self.side_images, ImageFiles) or any(split.files for split in self.splits.values())
        return not (has_files or self.expand or self.image_size or self.system or self.judging)

    def tokens(self, task: str) -> int:
        """Return the longest answer of a task, in tokens."""
        return self.other_max_tokens.get(task, self.max_tokens)

    def right(self, row: Row) -> list[str]:
        """Return the right answers to a row as text: label and text of an option, or all accepted answers."""
        found = self.rotation.right_texts(row) if self.rotation else []
        return list(dict.fromkeys(text for text in found or self.answers(row) if text.strip()))

    def choices(self, row: Row) -> list[str]:
        """Return the options of a row in the order of the prompt, without labels; none of an open question."""
        return list(self.rotation.options(row)) if self.rotation else []

    def scores(self, rows: Sequence[Row], answers: Sequence[str]) -> list[Score]:
        """Return the scores of all answers of a task."""
        if self.score_all is not None:
            return self.score_all(rows, answers)
        return [self.score(row, answer) for row, answer in zip(rows, answers, strict=True)]


def language_code(name: str) -> str:
    """Return the project's code for a code of a data set, or the data set's own if the language has no row here."""
    try:
        return language(name).code
    except UserError:
        return name


@own_tables.cached
def _codes_of_names() -> dict[str, str]:
    return {row.name: code for code, row in languages().items()}


def code_of(name: str) -> str:
    """Return the code of a language by its English name; the name itself if it is not in the table."""
    return _codes_of_names().get(name, name)


def draw(options: Sequence[str], key: str) -> str:
    """Return the option that stands for a random draw of the reference. It depends on the key only."""
    return options[hash_seed(key, 8) % len(options)]
