"""What to build: a recipe, as TOML. Named recipes lie in factory/recipes/."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from factory.entities.sources.config import SourceConfig
from factory.images.config import ImagesConfig
from factory.net.config import Network
from factory.questions.templates import available_languages
from factory.reference.properties import properties
from factory.scope import Scope
from factory.splits.config import SplitConfig
from pangea_cultural import config
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import region, regions

RECIPES = "factory.recipes"
"""Package folder of the named recipes."""


class Recipe(config.Config):
    """What to build."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the export."""
    seed: int = 0
    """Seed of all samples and of the order of options."""
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    """Sources of entity documents."""
    regions: tuple[str, ...] = ()
    """Slugs; all where none is named."""
    languages: tuple[str, ...] = ()
    """Languages to ask in; all that have templates where none is named."""
    held_out_languages: tuple[str, ...] = ()
    """Languages that are asked in dev, test and unseen, but never in train."""
    properties: tuple[str, ...] = ()
    """Properties to ask for; all of properties.toml where none is named."""
    images: ImagesConfig = ImagesConfig()
    """Images of the entities."""
    split: SplitConfig = SplitConfig()
    """Shares of the splits."""
    network: Network = Network()
    """Contact, limits and retries on the network."""

    @field_validator("regions")
    @classmethod
    def _known_regions(cls, slugs: tuple[str, ...]) -> tuple[str, ...]:
        return _checked(slugs, lambda slug: region(slug).slug)

    @field_validator("languages", "held_out_languages")
    @classmethod
    def _known_languages(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return _checked(codes, _with_templates)

    @field_validator("properties")
    @classmethod
    def _known_properties(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        return _checked(ids, _askable)

    @property
    def scope(self) -> Scope:
        """What is asked about, with every "all" written out."""
        return Scope(
            regions=self.regions or tuple(regions()),
            languages=self.languages or tuple(available_languages()),
            held_out_languages=self.held_out_languages,
            properties=self.properties or tuple(name for name, row in properties().items() if row.question),
            images_required=self.images.required,
            seed=self.seed,
        )

    def published(self) -> dict[str, Any]:
        """Return the part of the recipe that an export's manifest repeats: no paths, hosts or contacts."""
        return self.model_dump(mode="json", exclude={"sources", "images", "network"})


def _checked(names: tuple[str, ...], check: Any) -> tuple[str, ...]:
    """The names in their canonical form; pydantic turns the ValueError into the one line that the user sees."""
    try:
        return tuple(check(name) for name in names)
    except UserError as error:
        raise ValueError(str(error)) from error


def _with_templates(code: str) -> str:
    row = language(code)
    if row.code not in available_languages():
        raise UserError(f"no templates in {row.name} ({row.code}) yet: known: {', '.join(available_languages())}")
    return row.code


def _askable(name: str) -> str:
    askable = [key for key, row in properties().items() if row.question]
    if name not in askable:
        raise unknown("property", name, askable)
    return name


def load(path: Path, *, overrides: dict[str, Any] | None = None, contact: str | None = None) -> Recipe:
    """Read a recipe; relative paths in it are meant from its own folder.

    Args:
        path: the file.
        overrides: values that replace the recipe's, by their keys.
        contact: replaces the contact in the recipe's network table.

    Raises:
        UserError: the recipe does not fit, or names a file that is not there.
    """
    recipe = config.load(Recipe, path, overrides=overrides)
    return recipe.model_copy(
        update={
            "sources": tuple(_anchored(source, path.parent) for source in recipe.sources),
            "network": recipe.network.model_copy(update={"contact": contact}) if contact else recipe.network,
            "images": recipe.images.model_copy(
                update={"sources": tuple(_anchored(source, path.parent) for source in recipe.images.sources)}
            ),
        }
    )


def _anchored(place: Any, folder: Path) -> Any:
    if not hasattr(place, "path"):
        return place
    path = (folder / place.path).resolve()
    if not path.exists():
        raise UserError(f"the recipe names {place.path}, but there is nothing at {path}")
    return place.model_copy(update={"path": path})
