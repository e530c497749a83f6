"""What a training recipe says of a source of data."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pangea_cultural import config
from pangea_cultural.dataset.question import QuestionType
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import region
from pangea_cultural.training.data.sources.m3ls import Columns


def _known(look_up: Callable[[str], str]) -> Callable[[str], str]:
    """A validator of a name in a table; its message names the near matches."""

    def check(name: str) -> str:
        try:
            return look_up(name)
        except UserError as error:
            raise ValueError(str(error)) from error

    return check


LanguageCode = Annotated[str, AfterValidator(_known(lambda code: language(code).code))]
LanguageCodeOrNone = Annotated[str, AfterValidator(_known(lambda code: code and language(code).code))]
RegionSlug = Annotated[str, AfterValidator(_known(lambda slug: region(slug).slug))]


Pixels = Annotated[int, Field(ge=1)]


class SourceEstimate(config.Config):
    """What the dry run takes for granted of a source that is not on this machine."""

    questions: int = Field(ge=1)
    images: int = Field(ge=0)
    image_px: tuple[Pixels, Pixels] = (480, 640)
    """Height and width of every image."""
    question_tokens: int = Field(default=60, ge=1)
    """Tokens of a question with its answer."""
    answer_tokens: int = Field(default=20, ge=1)
    """Of these the answer's, which have a loss."""


class BaseSource(config.Config):
    """What all kinds of sources have."""

    path: Path
    """Relative to the workspace."""
    weight: float | None = Field(default=None, gt=0)
    """For stages with `steps`: share of the questions that come from here, against the other sources' weights."""
    count: int | None = Field(default=None, ge=1)
    """Instead of a weight: number of questions to take from here in an epoch. With `steps` counts are shares."""
    languages: tuple[LanguageCode, ...] = ()
    """Languages to take; all of the recipe's where none is named."""
    estimate: SourceEstimate | None = None
    """For the dry run."""

    @model_validator(mode="after")
    def _weight_or_count(self) -> "BaseSource":
        if self.weight is not None and self.count is not None:
            raise ValueError("give either weight or count")
        return self

    @property
    def share(self) -> float:
        """What a stage with steps takes from here, against the other sources."""
        return self.weight or self.count or 1.0


class QuestionSource(BaseSource):
    """A source that knows region and kind of its questions."""

    regions: tuple[RegionSlug, ...] = ()
    """Regions to take; all where none is named."""
    question_types: tuple[QuestionType, ...] = ("open", "choice")
    """Kinds of questions to take."""


class FileSource(BaseSource):
    """A source that is a JSON file, or a folder of them."""

    images: Path | None = None
    """Folder that the paths of images start from, relative to the workspace; the folder of the file by default."""


class ExportSource(QuestionSource):
    """An export of ours."""

    type: Literal["export"]
    split: Literal["train", "dev", "test", "unseen"] = "train"


class CulturalGroundSource(QuestionSource, FileSource):
    """CulturalGround as it is published."""

    type: Literal["culturalground"]


class ChatSource(FileSource):
    """LLaVA chat data, such as PangeaInstruct."""

    type: Literal["chat"]
    default_language: LanguageCodeOrNone = "en"
    """Language of rows that do not name theirs; published data do so where it is English. Empty if each has to."""


class M3lsSource(FileSource):
    """M3LS: folders as published, chat data, or rows with columns that the recipe names."""

    type: Literal["m3ls"]
    default_language: LanguageCodeOrNone = ""
    """Language of rows that do not name theirs, and of folders whose name is none; empty if each has to."""
    columns: Columns | None = None
    """Keys of rows that are no chat data, in files that are not as published."""
    instruction: str = ""
    """What to do with a text, where it is no chat data."""

    @model_validator(mode="after")
    def _columns_with_instruction(self) -> "M3lsSource":
        if self.columns and not self.instruction:
            raise ValueError("columns need an instruction: say what to do with a text")
        return self


Source = Annotated[ExportSource | ChatSource | CulturalGroundSource | M3lsSource, Field(discriminator="type")]
