"""Configuration of the stage `images`: the recipe's tables `[images]` and `[[images.sources]]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from factory.images.base import COMMONS, THUMBNAIL_WIDTHS
from factory.knowledge.config import KnowledgeConfig
from pangea_cultural.config import Config


class DrawingsConfig(Config):
    """Images rendered from SVG files, in seeded views."""

    type: Literal["drawings"]
    path: Path
    """Table of drawings (JSON Lines)."""


class FolderConfig(Config):
    """Images in a local folder, with a JSON or JSON Lines list of their titles, authors and licenses."""

    type: Literal["folder"]
    path: Path
    """List of the images. Its paths are relative to its folder."""


class CommonsConfig(Config):
    """Photos of Wikimedia Commons, or of another wiki with its API."""

    type: Literal["commons"]
    api: str = Field(default=COMMONS, pattern=r"^https?://")
    """URL of api.php."""
    width: int = 960
    """Width of the thumbnails to fetch, in pixels."""
    min_side_px: int = Field(default=400, ge=1)
    """Minimum of the original's shorter side."""
    drawings: bool = False
    """Accept SVG files, as PNG. Most of them are flags and maps, not photos."""

    @field_validator("width")
    @classmethod
    def _standard_width(cls, width: int) -> int:
        if width not in THUMBNAIL_WIDTHS:
            raise ValueError(f"No thumbnails of {width} px. Choose one of {', '.join(map(str, THUMBNAIL_WIDTHS))}.")
        return width


@dataclass(frozen=True)
class OwnImages:
    """Images that own knowledge names: the recipe's document sources of this type, not a table of their own."""

    sources: tuple[KnowledgeConfig, ...]


ImageSourceConfig = Annotated[DrawingsConfig | FolderConfig | CommonsConfig, Field(discriminator="type")]
AnyImageSource = DrawingsConfig | FolderConfig | CommonsConfig | OwnImages


class ImagesConfig(Config):
    """Image sources, and the images that an entity gets."""

    sources: tuple[ImageSourceConfig, ...] = ()
    """Image sources. The first source that has a file provides it."""
    any_license: bool = False
    """Keep images whose license is not free or not in the table. `pcult data check` reports them."""
    max_per_entity: int = Field(default=3, ge=1, le=1000)
    """Maximum number of images of an entity."""
