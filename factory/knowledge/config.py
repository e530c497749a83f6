"""Configuration of own knowledge: a table `[[sources]]` with `type = "knowledge"`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from factory.reference.entity_types import entity_types
from pangea_cultural.config import Config, checked
from pangea_cultural.errors import unknown
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import region


class KnowledgeConfig(Config):
    """Own entities, images and statements: a CSV or Parquet file, or a folder of them. The other keys fill empty cells.

    Images need no table `[[images.sources]]`.
    """

    type: Literal["knowledge"]
    path: Path
    """A file (`.csv`, `.tsv`, `.parquet`) or a folder with such files, relative to the recipe."""
    entity_type: str = ""
    """Entity type of rows without one."""
    region: str = ""
    """Slug of the region of rows without one."""
    language: str = ""
    """Language of names and texts without one."""
    author: str = Field(default="", max_length=500)
    """Author of rows without one."""
    source: str = Field(default="", max_length=500)
    """Source of rows without one, such as a book or an interview."""
    license: str = Field(default="", max_length=200)
    """License of rows without one, such as `CC0-1.0`. A statement and an image without a license are rejected."""

    @field_validator("entity_type")
    @classmethod
    def _known_type(cls, name: str) -> str:
        if name and name not in entity_types():
            raise ValueError(str(unknown("entity type", name, entity_types())))
        return name

    @field_validator("region")
    @classmethod
    def _known_region(cls, slug: str) -> str:
        return checked((slug,), lambda name: region(name).slug)[0] if slug else ""

    @field_validator("language")
    @classmethod
    def _known_language(cls, code: str) -> str:
        return checked((code,), lambda name: language(name).code)[0] if code else ""

    def label(self) -> str:
        """Return the source's name in the store and on the screen."""
        return self.path.name
