"""The parts of results.json that reports read. Hand-edited files can have any other types."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from evalsuite.benchmarks.registry import PUBLISHED
from evalsuite.metrics.accuracy import CONTROLS, SUBSETS
from evalsuite.metrics.control_figures import ALL
from pangea_cultural.config import as_written

MEANS = ("mul", "trained", "held-out", ALL)
"""Names of means over languages."""
Group = Literal["trained", "held-out", "unknown", "*"]
Counts = dict[str, int]
Number = float | None


def _one_of(names: Collection[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"{name!r} is none of {', '.join(names)}")
        return name

    return AfterValidator(check)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Interval(_Part):
    low: Number
    high: Number

    @model_validator(mode="after")
    def _has_two_ends(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("the interval has one end only")
        return self


class _Mean(_Interval):
    mean: Number


class _CountedMean(_Mean):
    n: int


class _Gain(_Interval):
    n: int
    gain: Number


class _Strongest(_Gain):
    control: Annotated[str, _one_of(CONTROLS)]


class _ExportScore(_Interval):
    n: int
    accuracy: Number
    accuracy_by_sum: Number = None


class _ExportFigure(_Part):
    split: Literal["dev", "test", "unseen"]
    question_type: Literal["choice", "open"]
    language: str
    group: Literal["trained", "held-out", "unknown"]
    subset: Annotated[str, _one_of(SUBSETS)]
    chance: float
    image: _ExportScore
    blind: _ExportScore
    gray: _ExportScore
    text: _ExportScore
    frequent: _ExportScore
    words: _ExportScore
    strongest: _Strongest | None


class _OfLanguages(_Part):
    languages: str
    group: Group

    @model_validator(mode="after")
    def _is_known_mean(self) -> Self:
        if self.group == "*" and self.languages not in MEANS:
            raise ValueError(f"{self.languages!r} is not a mean over languages")
        return self


class _Figure(_OfLanguages):
    n: int
    reference: _Mean
    robust: _Mean
    unparsed: Number
    guessed: Number
    chance: Number
    more: dict[str, _Mean]
    withheld: int = 0


class _Control(_CountedMean):
    gain: _Gain


class _StrongestOfPublished(_Strongest):
    value: Number


class _ControlFigure(_OfLanguages):
    blind: _Control | None = None
    text: _Control | None = None
    strongest: _StrongestOfPublished | None


class _ControlPass(_Part):
    asked: int
    missing: Counts
    left_out: Counts


class _Controls(_Part):
    passes: dict[Literal["blind", "text"], _ControlPass]
    figures: list[_ControlFigure]


class _Repeats(_Part):
    passes: int
    n: int
    texts_differ: int
    answers_differ: int
    flip_rate: _Mean
    concurrency: int
    server: str | None
    choose_by: str | None = None


class _Position(_Part):
    position: int
    chosen: int
    score: _CountedMean


class _Rotations(_Part):
    n: int
    mean: _Mean
    all_right: _Mean
    chance_all_right: Number
    positions: list[_Position]
    left_out: Counts


class _NotRotated(_Part):
    choose_by: Literal["likelihood"]


class _Data(_Part):
    repo: str
    pinned: str | None
    folder: str | None
    read: dict[str, str]


class _Selection(_Part):
    languages: list[str]
    max_questions: int | None
    seed: int


class _Identity(_Part):
    model: str


class _Judge(_Part):
    identity: _Identity
    reference_model: str
    judgments: int
    missing: Counts


class _Submission(_Part):
    file: str
    rows: int
    complete: bool
    empty: int


class _Anchor(_Part):
    model: str
    part: str
    value: float
    source: str
    same_protocol: bool


class _Prompt(_Part):
    task: str
    example: str
    sha256: str | None = None
    n: int | None = None


class _Benchmark(_Part):
    name: Annotated[str, _one_of(PUBLISHED)]
    title: str
    metric: str
    version: int
    max_tokens: int
    data: _Data
    asked: int
    missing: Counts
    endings: Counts
    selection: _Selection
    dropped: Counts
    judged: bool
    judge: _Judge | None
    submission: _Submission | None
    reference_errors: int
    figures: list[_Figure]
    prompt: str
    prompts: list[_Prompt] = Field(default_factory=list)
    unverified: list[str]
    deviations: list[str]
    anchors: list[_Anchor]
    # These are absent, and never null.
    repeats: Annotated[_Repeats, Field(default=None)]
    rotations: Annotated[_Rotations, Field(default=None)]
    controls: Annotated[_Controls, Field(default=None)]


class _Recipe(_Part):
    name: str


class _Export(_Part):
    path: str
    manifest_sha256: str
    questions: Counts
    entities: int
    images: int
    recipe: _Recipe


class _Languages(_Part):
    trained: list[str]
    held_out: list[str]


class _Loss(_Part):
    step: int
    loss: Number


class _Stage(_Part):
    stage: str
    questions: float
    seconds: float
    log: list[_Loss]


class _Training(_Part):
    seed: int | None = None
    stages: list[_Stage] = Field(default_factory=list)


class _Results(_Part):
    model: str
    identity: dict[str, Any] = Field(default_factory=dict)
    statements: list[str] = Field(default_factory=list)
    splits: list[Literal["dev", "test", "unseen"]] = Field(default_factory=list)
    figures: list[_ExportFigure] = Field(default_factory=list)
    weights_sha256: str | dict[str, str] | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    benchmarks: list[_Benchmark] = Field(default_factory=list)


class _WithExport(_Results):
    choose_by: Literal["likelihood", "letter"]
    max_questions: int
    seed: int
    languages: _Languages
    export: _Export
    training: _Training
    missing: Counts
    endings: Counts
    asked: int
    prompts: list[_Prompt] = Field(default_factory=list)
    repeats: dict[Literal["choice", "open"], _Repeats] = Field(default_factory=dict)
    rotations: Annotated[_Rotations | _NotRotated, Field(default=None)]


def fault(results: dict[str, Any]) -> str | None:
    """Return the first key of results.json with a value that no run has, and why; None if there is none."""
    try:
        (_WithExport if "export" in results else _Results).model_validate(results)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        reason = found["msg"].removeprefix("Value error, ")
        return f"{as_written(found['loc'], results)}: {reason[0].lower()}{reason[1:]}"
    return None
