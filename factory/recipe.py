"""What to build: a recipe, as TOML. Named recipes lie in factory/recipes/."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from yarl import URL

from factory.images.base import COMMONS
from factory.images.sources.commons import thumbnails
from factory.net.config import Network
from factory.questions.templates import available_languages
from factory.reference.properties import properties
from pangea_cultural import config
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import region, regions

RECIPES = "factory.recipes"
"""Package folder of the named recipes."""


class DumpSource(config.Config):
    """Entity documents from a file: a Wikidata JSON dump or part of one, plain, .gz, .bz2 or .zst, or JSON lines."""

    type: Literal["dump"]
    path: Path

    def label(self) -> str:
        """What the source is called in the store and on the screen."""
        return self.path.name


class FilesSource(config.Config):
    """Entity documents from JSON files: a file, or a folder of them (Special:EntityData, answers of the entity API)."""

    type: Literal["files"]
    path: Path

    def label(self) -> str:
        """What the source is called in the store and on the screen."""
        return self.path.name


class ApiSource(config.Config):
    """Entity documents from a Wikibase's API, by id."""

    type: Literal["api"]
    url: str = Field(default="https://www.wikidata.org/w/api.php", pattern=r"^https?://")
    """Of api.php."""
    ids: tuple[Annotated[str, Field(pattern=r"^Q[1-9][0-9]{0,14}$")], ...] = Field(min_length=1)
    """Entities to look at."""

    def label(self) -> str:
        """What the source is called in the store and on the screen."""
        return f"api {URL(self.url).host}"


class SparqlSource(config.Config):
    """A SPARQL endpoint with Wikidata's RDF: its query service, QLever, a server of one's own."""

    type: Literal["sparql"]
    url: str = Field(default="https://query.wikidata.org/sparql", pattern=r"^https?://")
    pause_s: float = Field(default=1.0, ge=0)
    """Between two queries."""
    timeout_s: float = Field(default=65.0, gt=0)
    """For an answer; a slice that takes longer is split."""
    batch: int = Field(default=50, ge=1, le=500)
    """Items whose documents are asked for at once."""
    per_region: int = Field(default=0, ge=0)
    """Read so many items of each region at most, drawn by the seed; all of them where 0."""
    documents: str = Field(default="", pattern=r"^(https?://.*)?$")
    """URL of an entity API (api.php) to read the documents from: it is faster, and spares the endpoint. Where it is
    empty they are rebuilt from the endpoint's own triples."""

    def label(self) -> str:
        """What the source is called in the store and on the screen."""
        return f"sparql {URL(self.url).host}"


Source = Annotated[DumpSource | FilesSource | ApiSource | SparqlSource, Field(discriminator="type")]


class DrawingsSource(config.Config):
    """Images drawn from SVG files, in seeded views."""

    type: Literal["drawings"]
    path: Path


class FolderSource(config.Config):
    """Images in a local folder, with a JSON or JSON Lines list of their titles, authors and licenses."""

    type: Literal["folder"]
    path: Path
    """The list; image files are named in it relative to the list's folder."""


class CommonsSource(config.Config):
    """Photos of Wikimedia Commons, or of another wiki with its API."""

    type: Literal["commons"]
    api: str = Field(default=COMMONS, pattern=r"^https?://")
    """URL of api.php."""
    width: int = 960
    """Of the thumbnails to fetch, in pixels."""
    min_side_px: int = Field(default=400, ge=1)
    """Of the original's shorter side."""
    drawings: bool = False
    """Take SVG files, as PNG; they are flags and maps more often than things."""

    @field_validator("width")
    @classmethod
    def _standard_width(cls, width: int) -> int:
        if width not in thumbnails.STEPS:
            raise ValueError(f"no thumbnails of {width} px: choose one of {', '.join(map(str, thumbnails.STEPS))}")
        return width


ImageSource = Annotated[DrawingsSource | FolderSource | CommonsSource, Field(discriminator="type")]


class Images(config.Config):
    """Which images an entity gets."""

    sources: tuple[ImageSource, ...] = ()
    """Asked in order; the first that knows a file gives it."""
    required: bool = True
    """Drop entities without an image. Without: their questions are asked without one."""
    max_per_entity: int = Field(default=3, ge=1)


class Split(config.Config):
    """Which images training never sees."""

    dev: float = Field(default=0.05, ge=0, lt=1)
    test: float = Field(default=0.05, ge=0, lt=1)
    """Shares of the images, drawn by a hash of their content."""
    unseen_categories: tuple[str, ...] = ()
    """Images of these categories are never trained on: another artist's drawings, another museum's photos."""


class Recipe(config.Config):
    """What to build."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    seed: int = 0
    sources: tuple[Source, ...] = Field(min_length=1)
    regions: tuple[str, ...] = ()
    """Slugs; all where none is named."""
    languages: tuple[str, ...] = ()
    """Languages to ask in; all that have templates where none is named."""
    held_out_languages: tuple[str, ...] = ()
    """Languages that are asked in dev, test and unseen, but never in train."""
    properties: tuple[str, ...] = ()
    """Properties to ask for; all of properties.toml where none is named."""
    images: Images = Images()
    split: Split = Split()
    network: Network = Network()

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

    def asked_regions(self) -> tuple[str, ...]:
        """Slugs of the regions whose culture is asked about."""
        return self.regions or tuple(regions())

    def asked_languages(self) -> tuple[str, ...]:
        """Languages to ask in, held-out ones included."""
        return self.languages or tuple(available_languages())

    def asked_properties(self) -> tuple[str, ...]:
        """Properties to ask for."""
        return self.properties or tuple(name for name, row in properties().items() if row.question)


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
