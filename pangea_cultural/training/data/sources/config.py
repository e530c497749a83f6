"""Configuration of training sources, as tables of a recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pangea_cultural import config
from pangea_cultural.dataset.question import QuestionType
from pangea_cultural.dataset.sources.m3ls import Columns
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import region


def _validator(look_up: Callable[[str], str]) -> Callable[[str], str]:
    """Return a validator of names in a table. Its message names near matches."""

    def check(name: str) -> str:
        try:
            return look_up(name)
        except UserError as error:
            raise ValueError(str(error)) from error

    return check


LanguageCode = Annotated[str, AfterValidator(_validator(lambda code: language(code).code))]
LanguageCodeOrNone = Annotated[str, AfterValidator(_validator(lambda code: code and language(code).code))]
RegionSlug = Annotated[str, AfterValidator(_validator(lambda slug: region(slug).slug))]


Pixels = Annotated[int, Field(ge=1)]


class SourceEstimate(config.Config):
    """Placeholder figures of a source that is not on this machine, for the dry run."""

    questions: int = Field(ge=1)
    """Number of questions."""
    images: int = Field(ge=0)
    """Number of images; 0 for text only."""
    image_px: tuple[Pixels, Pixels] = (480, 640)
    """Height and width of every image."""
    question_tokens: int = Field(default=60, ge=1)
    """Tokens of a question and its answer."""
    answer_tokens: int = Field(default=20, ge=1)
    """Tokens of the answer alone, the ones with a loss."""


class BaseSource(config.Config):
    """Keys of all source types."""

    path: Path
    """File or folder, relative to the workspace."""
    weight: float | None = Field(default=None, gt=0)
    """Share of the questions in stages with `steps`, relative to the other sources' weights."""
    count: int | None = Field(default=None, ge=1)
    """Questions per epoch, as an alternative to `weight`. In stages with `steps`, counts are shares. The objective
    `contrastive` shows each image once in an epoch, whatever the count."""
    languages: tuple[LanguageCode, ...] = ()
    """Languages to use; by default all languages of the recipe."""
    estimate: SourceEstimate | None = None
    """Placeholder figures for the dry run."""

    @model_validator(mode="after")
    def _weight_or_count(self) -> "BaseSource":
        if self.weight is not None and self.count is not None:
            raise ValueError("Both weight and count are set. Remove one.")
        return self

    @property
    def share(self) -> float:
        """Share of the questions in stages with `steps`, relative to the other sources."""
        return self.weight or self.count or 1.0


class QuestionSource(BaseSource):
    """A source whose questions have a region and a type."""

    regions: tuple[RegionSlug, ...] = ()
    """Regions to use; by default all."""
    question_types: tuple[QuestionType, ...] = ("open", "choice")
    """Question types to use."""


class FileSource(BaseSource):
    """A JSON file, or a folder of them."""

    images: Path | None = None
    """Folder of the images, relative to the workspace; by default the folder of the file."""


class ExportSource(QuestionSource):
    """An export of `pcult build`."""

    type: Literal["export"]
    """Format of the source."""
    split: Literal["train", "dev", "test", "unseen"] = "train"
    """Split to read; only `train` is for training."""
    answer_style: Literal["short", "sentence", "both"] = "short"
    """Answers to open questions: the value's name, a sentence, or one of both by a hash of the question's id."""
    instructions: bool = True
    """Whether prompts end with the instruction to answer with a letter or with a short phrase."""

    @model_validator(mode="after")
    def _style_is_used(self) -> "ExportSource":
        if self.answer_style != "short" and "open" not in self.question_types:
            raise ValueError(f'answer_style = "{self.answer_style}" needs question_types with "open". Remove one.')
        return self


class CulturalGroundSource(QuestionSource, FileSource):
    """CulturalGround as published."""

    type: Literal["culturalground"]
    """Format of the source."""


class ChatSource(FileSource):
    """LLaVA chat data, such as PangeaInstruct."""

    type: Literal["chat"]
    """Format of the source."""
    default_language: LanguageCodeOrNone = "en"
    """Language of rows without one. Published rows without one are English. Empty: every row needs a language."""


class M3lsSource(FileSource):
    """M3LS: published folders, chat data, or rows with the keys in `columns`."""

    type: Literal["m3ls"]
    """Format of the source."""
    default_language: LanguageCodeOrNone = ""
    """Language of rows without one, and of folders not named after a language. Empty: every row needs a language."""
    columns: Columns | None = None
    """Keys of rows that are neither published articles nor chat objects."""
    instruction: str = ""
    """Task that precedes each text. Chat objects need none."""

    @model_validator(mode="after")
    def _columns_with_instruction(self) -> "M3lsSource":
        if self.columns and not self.instruction:
            raise ValueError("Rows with columns have no instruction. Set instruction.")
        return self


Source = Annotated[ExportSource | ChatSource | CulturalGroundSource | M3lsSource, Field(discriminator="type")]
