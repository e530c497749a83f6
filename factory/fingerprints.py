"""Everything that the result of each stage depends on.

A stage is built again when the hash of these values changes, or that of a stage before it. Code is not among them: a
change of code that changes results raises the stage's format number in `pipeline.STAGES`.

A stage's modules are imported when its fingerprint is needed, as `pipeline` explains.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from factory.entities.sources import files
from factory.entities.sources.config import DumpConfig, FilesConfig, SourceConfig
from factory.images.config import AnyImageSource, CommonsConfig, FolderConfig, OwnImages
from factory.images.sources.rows import is_file
from factory.knowledge.config import KnowledgeConfig
from factory.recipe import Recipe
from factory.reference import entity_types
from factory.reference.entity_types import refused_classes
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
    from factory.entities import birthplace_links, demotion, kinds, stage, value_entities

    scope = recipe.scope
    return [
        [_document_source(source, recipe.seed) for source in recipe.sources],
        # Whole rows, so that an edited table counts as an edited recipe.
        [region(slug).model_dump() for slug in scope.regions],
        # The class of resources is only for evaluations.
        [language(code).model_dump(exclude={"resource_class"}) for code in scope.languages],
        [properties()[name].model_dump() for name in scope.properties],
        scope.link_properties,
        sorted(scope.read_properties),
        ambiguous_states(),
        [row.model_dump() for row in entity_types.TABLE.rows.values()],
        [row.model_dump() for row in refused_classes().values()],
        kinds.COUNTRY_CLASSES,
        scope.as_of,
        [_sql(text) for text in (value_entities.NEEDED, value_entities.ADD_UNSELECTED, value_entities.UNPARSED)],
        [_sql(text) for text in (stage.SAMPLE, birthplace_links.LINK, birthplace_links.UNLINKED, demotion.DEMOTE)],
        [_sql(text) for text in (kinds.CLASSES, kinds.SET_TYPES, kinds.REFUSED, kinds.MARK_COUNTRIES)],
    ]


def images(recipe: Recipe) -> list[Any]:
    """Return what the stage `images` depends on."""
    from factory.images import stage

    return [
        [_image_source(source) for source in recipe.image_sources],
        recipe.images.max_per_entity,
        recipe.images.any_license,
        recipe.seed,
        IMAGE_PROPERTIES,
        _toml("pangea_cultural.reference", "licenses.toml"),
        _toml("factory.images.sources.commons", "photo_rules.toml"),
        _sql(stage.CANDIDATES_SQL),
    ]


def questions(recipe: Recipe) -> list[Any]:
    """Return what the stage `questions` depends on."""
    from factory.questions import draws, stage, value_names
    from factory.questions.lexicon import vocabularies
    from factory.questions.variants import variants
    from factory.questions.wordings import asked, variant_texts, wordings

    scope = recipe.scope
    forms = variants(scope)
    asked_rows = asked(scope)
    return [
        value_names.inputs(scope),
        scope.seed,
        scope.living_people,
        scope.referenced,
        scope.held_out_languages,
        recipe.split.held_out_names,
        recipe.threshold,
        _balance(recipe),
        [table.to_pylist() for table in (asked_rows, wordings(asked_rows, forms), variant_texts(forms))],
        [_sql(read_text("factory.questions", f"sql/{name}.sql")) for name in stage.SCRIPTS],
        vocabularies.table().to_pylist(),
        [
            stage.GENERIC_CLASSES,
            stage.PAST_COUNTRIES,
            stage.PAST,
            stage.QUANTITY_MARGIN,
            stage.NEAR,
            stage.INSTITUTIONS,
            stage.CLOSE_BIRTHS,
            stage.MORE_THAN_ONE,
        ],
        [draws.CANDIDATES, draws.GROUP_ITEMS, draws.MAX_VALUES, draws.WINDOW, draws.MAX_NEIGHBORS],
    ]


def _balance(recipe: Recipe) -> list[Any]:
    from factory.questions import balance

    if not recipe.balance.by:
        return []
    return [recipe.balance.model_dump(), [_sql(balance.read(name)) for name in balance.SCRIPTS]]


def relevance(recipe: Recipe) -> list[Any]:
    """Return what the stage `relevance` depends on: not the threshold, which the stage `questions` applies."""
    if recipe.relevance is None:
        return []
    from factory.relevance import asking, pairs, results, stage, yes_no

    return [
        [model.identity() for model in recipe.relevance.models],
        [_sql(text) for text in (pairs.PAIRS, pairs.SUBJECTS, asking.TODO, asking.DROP_UNUSABLE)],
        [_sql(text) for text in (results.RESULT, stage.KEEP_FIRST, stage.KEEP_SECOND)],
        [yes_no.WORDS, yes_no.LEAST_MASS],
    ]


def split(recipe: Recipe) -> list[Any]:
    """Return what the stage `split` depends on."""
    from factory.splits import held_out, stage
    from pangea_cultural.utils import near_duplicates

    return [
        recipe.split.model_dump(exclude={"held_out_names"}),
        recipe.seed,
        [_sql(text) for text in (stage.ASSIGN, held_out.HELD_OUT, held_out.NUMBERS)],
        [_sql(text) for text in (held_out.EDGES, held_out.RELATED)],
        [near_duplicates.MAX_DISTANCE, near_duplicates.MAX_HUE_DISTANCE],
    ]


def refine(recipe: Recipe) -> list[Any]:
    """Return what the stage `refine` depends on: not the endpoints, which serve the same model."""
    if recipe.refine is None:
        return []
    from factory.refine import guards, rows
    from factory.refine.config import CHOICE

    config = recipe.refine
    return [
        rows.parameters(config),
        [getattr(config, name) for name in CHOICE],
        guards.VERSION,
        [_sql(rows.read(name)) for name in ("choose", "rows", "finish")],
    ]


def export(recipe: Recipe) -> list[Any]:
    """Return what the stage `export` depends on."""
    from factory.exchange import native
    from factory.exchange import question_rows as rows
    from factory.questions.wordings import unreviewed_languages
    from pangea_cultural.dataset.export import FORMAT
    from pangea_cultural.dataset.question import QUESTION_SCHEMA

    return [
        FORMAT,
        recipe.published(),
        unreviewed_languages(recipe.scope),
        [_sql(text) for text in (rows.ITEMS, rows.DRAWN, rows.VARIANTS, rows.PHRASES)],
        [_sql(text) for text in (rows.NAMES, rows.ANSWERS, rows.EXTRAS, rows.ACCEPTED, rows.REWRITTEN)],
        [_sql(text) for text in (native.IMAGES, native.HELD_OUT_IMAGES, native.HELD_OUT, native.STATEMENTS)],
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
    if isinstance(config, KnowledgeConfig):
        from factory.knowledge.files import paths

        return [config.model_dump(mode="json", exclude={"path"}), *(_file(path) for path in paths(config.path))]
    if isinstance(config, DumpConfig | FilesConfig):
        return [_file(path) for path in files.paths(config.path)]
    return [config.model_dump(mode="json", exclude=SPEED_ONLY), seed if getattr(config, "per_region", 0) else None]


def _image_source(config: AnyImageSource) -> list[Any]:
    if isinstance(config, CommonsConfig):
        return [config.model_dump()]
    if isinstance(config, OwnImages):
        from factory.images.sources.knowledge import files_of

        return [_digest_of_files(files_of(config.sources))]
    if isinstance(config, FolderConfig):
        from factory.images.sources.folder import FolderSource

        files = FolderSource(config.path).files()
    else:
        from factory.images.sources.drawings import DrawingsSource

        files = DrawingsSource(config.path, seed=0).files()
    return [_file(path) for path in (config.path, *files)]


def _digest_of_files(paths: Iterable[Path]) -> str:
    """Return the hash of many files' states, of which one is in memory at a time."""
    states = hashlib.sha256()
    for path in paths:
        states.update(orjson.dumps(_file(path), option=orjson.OPT_APPEND_NEWLINE))
    return states.hexdigest()


def _file(path: Path) -> list[Any]:
    """Return a file's path, size and modification time: hashing 100 GB of dump at every start would take an hour."""
    if not is_file(path):
        return [str(path)]
    state = path.stat()
    return [str(path), state.st_size, state.st_mtime_ns]
