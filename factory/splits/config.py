"""Configuration of the stage `split`: the recipe's table `[split]`."""

from typing import Literal

from pydantic import Field, field_validator

from factory.reference.entity_types import ANY, group_names, types_of
from pangea_cultural.config import Config, checked
from pangea_cultural.errors import unknown
from pangea_cultural.reference.regions import region


class SplitConfig(Config):
    """Images and entities that are never in train."""

    dev: float = Field(default=0.05, ge=0, lt=1)
    """Share of the images in dev, chosen by a hash of their content."""
    test: float = Field(default=0.05, ge=0, lt=1)
    """Share of the images in test, chosen by a hash of their content."""
    unseen_categories: tuple[str, ...] = ()
    """Images of these categories are never in train: another artist's drawings, another museum's photos."""
    near_duplicates: bool = True
    """Keep images that look the same in one split, whatever their format, size and compression."""
    held_out_regions: tuple[str, ...] = ()
    """Regions whose entities are never in train. All their images are in unseen."""
    held_out_types: tuple[str, ...] = ()
    """Types of entities, or groups of types, that are never in train, such as food. All their images are in unseen."""
    held_out_entities: float = Field(default=0, ge=0, lt=1)
    """Share of the entities that are never in train, chosen by a hash of their id. All their images are in unseen."""
    held_out_names: Literal["keep", "drop"] = "keep"
    """Questions of train whose answer is the name of a held-out entity: keep and count them, or drop them."""

    @field_validator("held_out_regions")
    @classmethod
    def _known_regions(cls, slugs: tuple[str, ...]) -> tuple[str, ...]:
        return checked(slugs, lambda slug: region(slug).slug)

    @field_validator("held_out_types")
    @classmethod
    def _known_types(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for named in checked(names, _with_types) for name in types_of(named)))

    @property
    def holds_out(self) -> bool:
        """Whether entities are held out, and not only images."""
        return bool(self.held_out_regions or self.held_out_types or self.held_out_entities)


def _with_types(name: str) -> str:
    if not types_of(name):
        raise unknown("entity type", name, [name for name in group_names() if name != ANY])
    return name
