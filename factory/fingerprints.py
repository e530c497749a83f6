"""Everything that the result of each stage depends on.

A stage is built again when the hash of these values changes, or that of a stage before it. Code is not among them: a
change of code that changes results raises the stage's format number in `pipeline.STAGES`.

A stage's modules are imported when its fingerprint is needed, as `pipeline` explains.
"""

import hashlib
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from factory.entities.sources.config import DumpConfig, FilesConfig, SourceConfig
from factory.images.config import CommonsConfig, FolderConfig, ImageSourceConfig
from factory.recipe import Recipe
from factory.reference.entity_types import entity_types
from factory.reference.properties import IMAGE_PROPERTIES, properties
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import ambiguous_states, region

SPEED_ONLY = {"pause_s", "batch"}
"""Keys of a SPARQL source that do not change what it returns."""


def digest(value: object) -> str:
    """Return the SHA-256 of a value's JSON, in hexadecimal."""
    return hashlib.sha256(orjson.dumps(value, default=str)).hexdigest()


def select(recipe: Recipe) -> list[Any]:
    """Return what the stage `select` depends on."""
    from factory.entities import birthplace_links, selector, stage, value_entities

    scope = recipe.scope
    return [
        [_document_source(source, recipe.seed) for source in recipe.sources],
        # Whole rows, so that an edited table counts as an edited recipe.
        [region(slug).model_dump() for slug in scope.regions],
        [language(code).model_dump() for code in scope.languages],
        [properties()[name].model_dump() for name in scope.properties],
        scope.link_properties,
        sorted(scope.read_properties),
        ambiguous_states(),
        entity_types(),
        selector.NOT_CULTURE_CLASSES,
        scope.images_required,
        [_sql(text) for text in (value_entities.NEEDED, value_entities.ADD_UNSELECTED, stage.SAMPLE)],
        [_sql(text) for text in (birthplace_links.LINK, birthplace_links.UNLINKED, birthplace_links.REMOVE)],
    ]


def images(recipe: Recipe) -> list[Any]:
    """Return what the stage `images` depends on."""
    from factory.images import stage

    return [
        [_image_source(source) for source in recipe.images.sources],
        recipe.images.max_per_entity,
        recipe.seed,
        IMAGE_PROPERTIES,
        _toml("factory.images", "licenses.toml"),
        _toml("factory.images.sources.commons", "photo_rules.toml"),
        _sql(stage.CANDIDATES_SQL),
    ]


def questions(recipe: Recipe) -> list[Any]:
    """Return what the stage `questions` depends on."""
    from factory.questions import templates

    scope = recipe.scope
    return [
        scope.images_required,
        scope.seed,
        [templates.load(code) for code in scope.languages],
        _sql(read_text("factory.questions", "questions.sql")),
    ]


def split(recipe: Recipe) -> list[Any]:
    """Return what the stage `split` depends on."""
    from factory.splits import stage

    return [
        recipe.split.model_dump(),
        recipe.held_out_languages,
        recipe.seed,
        [_sql(text) for text in (stage.ASSIGN, stage.HELD_OUT_QUESTIONS)],
    ]


def export(recipe: Recipe) -> list[Any]:
    """Return what the stage `export` depends on."""
    from factory.exchange import native
    from pangea_cultural.dataset.export import FORMAT
    from pangea_cultural.dataset.question import QUESTION_SCHEMA

    return [
        FORMAT,
        recipe.published(),
        [_sql(text) for text in (native.QUESTIONS, native.IMAGES)],
        str(QUESTION_SCHEMA),
    ]


def read_text(package: str, name: str) -> str:
    """Return the content of a text file in a package."""
    return resources.files(package).joinpath(name).read_text("utf-8")


def _toml(package: str, name: str) -> dict[str, Any]:
    """Return a table's content: comments and layout do not count."""
    return tomllib.loads(read_text(package, name))


def _sql(text: str) -> str:
    """Return SQL without comments and layout, which do not count."""
    return " ".join(re.sub(r"--.*", "", text).split())


def _document_source(config: SourceConfig, seed: int) -> list[Any]:
    if isinstance(config, DumpConfig | FilesConfig):
        paths = [config.path] if config.path.is_file() else sorted(config.path.rglob("*.json"))
        return [_file(path) for path in paths]
    return [config.model_dump(mode="json", exclude=SPEED_ONLY), seed if getattr(config, "per_region", 0) else None]


def _image_source(config: ImageSourceConfig) -> list[Any]:
    if isinstance(config, CommonsConfig):
        return [config.model_dump()]
    if isinstance(config, FolderConfig):
        from factory.images.sources.folder import FolderSource

        files = FolderSource(config.path).files()
    else:
        from factory.images.sources.drawings import DrawingsSource

        files = DrawingsSource(config.path, seed=0).files()
    return [_file(path) for path in (config.path, *files)]


def _file(path: Path) -> list[Any]:
    """Return a file's path, size and modification time: hashing 100 GB of dump at every start would take an hour."""
    if not path.is_file():
        return [str(path)]
    state = path.stat()
    return [str(path), state.st_size, state.st_mtime_ns]
