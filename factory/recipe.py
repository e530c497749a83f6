"""The recipe of a build, a TOML file. Named recipes are in factory/recipes/."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, field_validator

from factory.audit.config import AuditConfig
from factory.entities.sources.config import SourceConfig
from factory.images.config import AnyImageSource, ImagesConfig, OwnImages
from factory.knowledge.config import KnowledgeConfig
from factory.net.config import NetworkConfig
from factory.questions import templates
from factory.questions.config import BalanceConfig
from factory.questions.templates import available_languages
from factory.reference import entity_types
from factory.reference import properties as property_table
from factory.reference.config import TablesConfig
from factory.reference.properties import properties
from factory.reference.scripts import SCRIPTS
from factory.refine.config import RefineConfig
from factory.relevance.config import RelevanceConfig
from factory.scope import Scope
from factory.splits.config import SplitConfig
from factory.wikidata.references import REFERENCED_TYPES, ReferencedType
from pangea_cultural import config
from pangea_cultural.errors import UserError, unknown
from pangea_cultural.reference import languages as language_table
from pangea_cultural.reference import own_tables
from pangea_cultural.reference import regions as region_table
from pangea_cultural.reference.languages import language, languages
from pangea_cultural.reference.regions import region, regions

RECIPES = "factory.recipes"
"""Package folder of the named recipes."""
SourceType = TypeVar("SourceType", bound=config.Config)


class _Tables(config.Config):
    """The part of a recipe that the check of the other parts depends on."""

    tables: TablesConfig


class Recipe(config.Config):
    """The configuration of a build."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)
    """Name of the export."""
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
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
    as_of: int = Field(default_factory=lambda: datetime.now(UTC).year, ge=1900, le=9999)
    """The year that counts as today, the current one by default. Facts that have ended by then are not asked about, and
    ages count until then."""
    living_people: bool = False
    """Ask about living people what the property table calls private, such as occupation and date of birth. Nothing is
    asked about minors."""
    referenced: tuple[ReferencedType, ...] = REFERENCED_TYPES
    """Types of values, `time` and `quantity`, that are asked only if a reference of theirs names a source other than a
    Wikimedia project. `[]` asks all: more questions about dates and numbers, and more wrong answers."""
    images: ImagesConfig = ImagesConfig()
    """Images of the entities."""
    split: SplitConfig = SplitConfig()
    """Shares of the splits."""
    balance: BalanceConfig = BalanceConfig()
    """Questions to drop, so that frequent regions, properties, answers or languages count less."""
    refine: RefineConfig | None = None
    """Model that rewrites questions and sentences; without this table, the stage `refine` does nothing."""
    relevance: RelevanceConfig | None = None
    """Model that says whether an image shows its entity; without this table, the stage `relevance` does nothing."""
    audit: AuditConfig = AuditConfig()
    """Limits of the export's audit."""
    network: NetworkConfig = NetworkConfig()
    """Contact, limits and retries on the network."""
    tables: TablesConfig = TablesConfig()
    """Own tables of regions, languages, properties, entity types and templates."""

    @field_validator("regions")
    @classmethod
    def _known_regions(cls, slugs: tuple[str, ...]) -> tuple[str, ...]:
        return config.checked(slugs, lambda slug: region(slug).slug)

    @field_validator("languages", "held_out_languages")
    @classmethod
    def _known_languages(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return config.checked(codes, _with_templates)

    @field_validator("properties")
    @classmethod
    def _known_properties(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        return config.checked(ids, _askable)

    @property
    def scope(self) -> Scope:
        """Regions, languages and properties, with every default resolved."""
        return Scope(
            regions=self.regions or tuple(regions()),
            languages=self.languages or tuple(available_languages()),
            held_out_languages=self.held_out_languages,
            properties=self.properties or tuple(name for name, row in properties().items() if row.question),
            seed=self.seed,
            as_of=self.as_of,
            living_people=self.living_people,
            referenced=self.referenced,
        )

    @property
    def image_sources(self) -> tuple[AnyImageSource, ...]:
        """All sources of images. Own knowledge comes first, so that no other source is asked for its images."""
        own = tuple(source for source in self.sources if isinstance(source, KnowledgeConfig))
        return (*([OwnImages(own)] if own else ()), *self.images.sources)

    @property
    def threshold(self) -> float:
        """Least probability that an image shows its entity; 0 without a model that says so."""
        return self.relevance.threshold if self.relevance else 0.0

    def published(self) -> dict[str, Any]:
        """Return the part of the recipe that an export's manifest repeats: no paths, hosts or contacts."""
        own = self.tables.read().rows
        left_out = {"sources", "images", "network", "tables", "refine", "relevance"}
        published = self.model_dump(mode="json", exclude=left_out)
        asked = {"refine": self.refine, "relevance": self.relevance}
        models = {name: table.published() for name, table in asked.items() if table}
        return published | models | ({"tables": own} if own else {})


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
        overrides: values that replace keys of the recipe. Those of a table replace only its keys that they have.
        contact: replaces the contact of the table `network`.

    Raises:
        UserError: the recipe is invalid, names a file that does not exist, or cannot give a row to train on.
    """
    content = _merged(config.read_toml(path), overrides or {})
    tables = config.parse(_Tables, {"tables": content.get("tables", {})}, where=str(path)).tables.anchored(path.parent)
    with own_tables.using(tables.read()):
        _check_tables(tables)
        recipe = config.parse(Recipe, content, where=str(path))
        check_trainable(recipe, str(path))
    return recipe.model_copy(
        update={
            "sources": tuple(_anchored(source, path.parent) for source in recipe.sources),
            "network": recipe.network.model_copy(update={"contact": contact}) if contact else recipe.network,
            "images": recipe.images.model_copy(
                update={"sources": tuple(_anchored(source, path.parent) for source in recipe.images.sources)}
            ),
            "tables": tables,
        }
    )


def _merged(content: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a recipe with other values."""
    tables = {
        key: content[key] | value
        for key, value in overrides.items()
        if isinstance(value, dict) and isinstance(content.get(key), dict)
    }
    return content | overrides | tables


def _check_tables(tables: TablesConfig) -> None:
    """Read all rows of own tables and templates, whether the recipe names them or not.

    Raises:
        UserError: a row is not valid, its script is unknown, or a template file is not named after a language.
    """
    for module in (entity_types, property_table, language_table, region_table):
        len(module.TABLE.rows)
    for row in languages().values():
        if row.script not in SCRIPTS:
            raise UserError(f"{tables.languages}: {row.code}: {unknown('script', row.script, SCRIPTS)}")
    for file in sorted(tables.templates.glob("*.toml")) if tables.templates else ():
        language(file.stem.partition("-")[0])  # zh-hant is of zh
        templates.load(file.stem)


def check_trainable(recipe: Recipe, where: str) -> None:
    """Check that a build of a recipe can give rows of train; `where` names its origin in errors.

    Raises:
        UserError: no row of train is possible, a held-out language is not asked, or a key has no effect.
    """
    held_out = set(recipe.held_out_languages)
    unasked = sorted(held_out - set(recipe.scope.languages))
    if unasked:
        raise UserError(f"{where}: held_out_languages: {unasked[0]} is not in languages. Add it there, or remove it.")
    if held_out == set(recipe.scope.languages):
        raise UserError(f"{where}: held_out_languages: no language is left for train. Remove one.")
    if recipe.split.dev + recipe.split.test >= 1:
        raise UserError(f"{where}: split: dev and test leave no image for train. Their sum must be less than 1.")
    unused = recipe.balance.without_effect
    if unused:
        hint = "Add region, property or language to `by`, or remove it."
        raise UserError(f"{where}: balance: the key `{unused[0]}` has no effect. {hint}")
    if not recipe.image_sources:
        raise UserError(f"{where}: images: no source of images is named. Add a table [[images.sources]].")


def _anchored(source: SourceType, folder: Path) -> SourceType:
    """Return the configuration of a source with an absolute path, if it has one."""
    if not hasattr(source, "path"):
        return source
    path = (folder / source.path).resolve()
    if not path.exists():
        raise UserError(f"The recipe names {source.path}, but {path} does not exist. Check the path.")
    return source.model_copy(update={"path": path})
