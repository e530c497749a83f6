"""The manifest of an export: its shape, checked once, so that no reader meets a missing key or another type."""

from pathlib import Path
from typing import Any

import orjson
from pydantic import ConfigDict, Field, NonNegativeInt, model_validator

from pangea_cultural import config
from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import read_json

FORMAT = 4
MANIFEST = "export.json"
DESCRIPTION = "dataset.json"
"""File that describes a data set in another format. Its key `export` repeats the manifest that it was written from."""


class _Part(config.Config):
    """A part of a manifest. Unknown keys are ignored; a text is not read as a number."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Split(_Part):
    near_duplicates: bool = False
    held_out_regions: list[str] = Field(default_factory=list)
    held_out_types: list[str] = Field(default_factory=list)
    held_out_entities: float = 0.0
    held_out_names: str = "keep"


class _Limits(_Part):
    max_guesser: float | None = None


class _Model(_Part):
    """A model that rewrote questions, or that judged images by a threshold."""

    model: str
    prompt: str
    threshold: float = 0.0


class _Recipe(_Part):
    name: str
    seed: int = 0
    split: _Split = _Split()
    audit: _Limits = _Limits()
    refine: _Model | None = None
    relevance: _Model | None = None


class _HeldOut(_Part):
    answers_in_train: NonNegativeInt = 0


class _Audit(_Part):
    accuracy: float | None
    guesser: str | None
    limit: float | None
    groups: int
    groups_over: int
    duplicates: int
    contradictions: int

    @model_validator(mode="after")
    def _is_whole(self) -> "_Audit":
        if self.accuracy is not None and (self.guesser is None or self.limit is None):
            raise ValueError("an accuracy has neither guesser nor limit")
        return self


class _Questions(_Part):
    train: NonNegativeInt
    dev: NonNegativeInt
    test: NonNegativeInt
    unseen: NonNegativeInt


class Origin(_Part):
    """Keys of the manifest that other formats and imports keep as well."""

    format: int
    version: str = ""
    recipe: _Recipe
    held_out_languages: list[str]
    held_out: _HeldOut = _HeldOut()
    unreviewed_languages: list[str] | None = None
    audit: _Audit | None = None
    questions: _Questions
    entities: NonNegativeInt
    images: NonNegativeInt


class Manifest(Origin):
    """Keys of `export.json` that this project reads."""

    files: dict[str, str] = Field(min_length=1)


def read(path: Path) -> dict[str, Any]:
    """Return the content of a manifest, which has the shape of `Manifest`.

    Raises:
        UserError: the file cannot be read, is not JSON, has another format, or a key is missing or of another type.
    """
    content = read_object(path)
    if content.get("format") != FORMAT:
        raise UserError(
            f"{path} has format {content.get('format')!r}; this version reads format {FORMAT}. Build the export again."
        )
    check_shape(Manifest, content, str(path))
    return content


def read_object(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file.

    Raises:
        UserError: the file cannot be read, or is not an object.
    """
    try:
        content = read_json(path)
    except (orjson.JSONDecodeError, OSError) as error:
        raise UserError(f"{path} is not a manifest ({error}). Build the export again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a manifest (no object). Build the export again.")
    return content


def check_shape(model: type[Origin], content: dict[str, Any], where: str) -> None:
    """Check the keys and types of a manifest; `where` names its file in errors.

    Raises:
        UserError: a key is missing or has a value of another type. The message names it.
    """
    try:
        config.parse(model, content, where=where)
    except UserError as error:
        raise UserError(f"{error}. Build the export again.") from error
