"""The recipe of a build, a TOML file. Named recipes are in factory/recipes/."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, field_validator

from factory.entities.sources.config import SourceConfig
from factory.images.config import ImagesConfig
from factory.net.config import NetworkConfig
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
SourceType = TypeVar("SourceType", bound=config.Config)


class Recipe(config.Config):
    """The configuration of a build."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the export."""
    seed: int = 0
    """Seed of all samples and of the order of options."""
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    """Sources of facts: entity documents."""
    regions: tuple[str, ...] = ()
    """Slugs of the regions; all by default."""
    languages: tuple[str, ...] = ()
    """Languages to ask in; all that have templates by default."""
    held_out_languages: tuple[str, ...] = ()
    """Languages of dev, test and unseen that are never in train. They are also in `languages`, unless that is empty."""
    properties: tuple[str, ...] = ()
    """Properties to ask for; all of properties.toml by default."""
    images: ImagesConfig = ImagesConfig()
    """Images of the entities."""
    split: SplitConfig = SplitConfig()
    """Shares of the splits."""
    network: NetworkConfig = NetworkConfig()
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
        """Regions, languages and properties, with every default resolved."""
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
    """Return the names in canonical form. Raise ValueError, which pydantic reports in one line, for an unknown one."""
    try:
        return tuple(check(name) for name in names)
    except UserError as error:
        raise ValueError(str(error)) from error


def _with_templates(code: str) -> str:
    row = language(code)
    if row.code not in available_languages():
        known = ", ".join(available_languages())
        raise UserError(f"No templates in {row.name} ({row.code}). Choose one of {known}.")
    return row.code


def _askable(name: str) -> str:
    askable = [key for key, row in properties().items() if row.question]
    if name not in askable:
        raise unknown("property", name, askable)
    return name


def load(path: Path, *, overrides: dict[str, Any] | None = None, contact: str | None = None) -> Recipe:
    """Read a recipe. Relative paths in it start at its folder.

    Args:
        path: the file.
        overrides: values that replace top-level keys of the recipe.
        contact: replaces the contact of the table `network`.

    Raises:
        UserError: the recipe is invalid, or names a file that does not exist.
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


def _anchored(source: SourceType, folder: Path) -> SourceType:
    """Return the configuration of a source with an absolute path, if it has one."""
    if not hasattr(source, "path"):
        return source
    path = (folder / source.path).resolve()
    if not path.exists():
        raise UserError(f"The recipe names {source.path}, but {path} does not exist. Check the path.")
    return source.model_copy(update={"path": path})
