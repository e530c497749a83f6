"""Rows of the tables that a recipe can name, for `pcult data list`."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from factory.questions import templates
from factory.recipe import RECIPES, load
from factory.reference import properties as property_table
from pangea_cultural.reference import languages as language_table
from pangea_cultural.reference import own_tables
from pangea_cultural.reference import regions as region_table

Row = dict[str, Any]


def regions() -> list[Row]:
    """Return the regions with their items and figures."""
    return [
        {
            "slug": row.slug,
            "name": row.name,
            "item": row.qid,
            "also": list(row.also),
            "iso": row.iso,
            "languages": list(row.languages),
            "population": row.population.count if row.population else None,
            "gdp_per_capita_usd": row.gdp_per_capita.usd if row.gdp_per_capita else None,
            "table": region_table.TABLE.origin(row.slug),
        }
        for row in region_table.regions().values()
    ]


def languages() -> list[Row]:
    """Return the languages, and whether they have templates."""
    return [
        {
            "code": row.code,
            "name": row.name,
            "native": row.native,
            "script": row.script,
            "direction": row.direction,
            "resource_class": row.resource_class,
            "labels": list(row.labels),
            "aliases": list(row.aliases),
            "cultural_ground": row.cultural_ground,
            "templates": row.code in templates.available_languages(),
            "table": language_table.TABLE.origin(row.code),
        }
        for row in language_table.languages().values()
    ]


def properties() -> list[Row]:
    """Return the properties, and the entity types that they are asked of."""
    return [
        {
            "property": row.id,
            "label": row.label,
            "theme": row.theme,
            "value_type": row.value_type,
            "question": row.question,
            "asked_of": list(row.asked_of),
            "region_link": row.region_link,
            "sensitive": row.sensitive,
            "private": row.private,
            "state": row.state,
            "table": property_table.TABLE.origin(row.id),
        }
        for row in property_table.properties().values()
    ]


def recipes() -> list[Row]:
    """Return the shipped recipes, with what they read."""
    parent, _, folder = RECIPES.rpartition(".")
    rows = []
    for path in sorted(Path(str(resources.files(parent) / folder)).glob("*.toml")):
        recipe = load(path)
        rows.append(
            {
                "recipe": path.stem,
                "sources": [source.label() for source in recipe.sources],
                "image_sources": [source.type for source in recipe.images.sources],
                "regions": len(recipe.scope.regions),
                "languages": len(recipe.scope.languages),
                "held_out_languages": list(recipe.held_out_languages),
                "properties": len(recipe.scope.properties),
            }
        )
    return rows


def template_files() -> list[Row]:
    """Return the template files: who reviewed them, and the numbers of questions and frames of answers."""
    rows = []
    for code in templates.file_names():
        file = templates.load(code)
        kinds = [text.kind for text in file.templates]
        path = templates.path_of(code)
        rows.append(
            {
                "language": code,
                "name": templates.language_of(code).name,
                "reviewed_by": file.reviewed,
                "properties": len({text.property for text in file.templates}),
                "questions": kinds.count("ask"),
                "frames": len(kinds) - kinds.count("ask"),
                "table": "shipped" if path.parent == templates.folder() else str(path.parent.name),
            }
        )
    return rows


TABLES: dict[str, Callable[[], list[Row]]] = {
    "regions": regions,
    "languages": languages,
    "properties": properties,
    "recipes": recipes,
    "templates": template_files,
}
"""Functions that return the rows of each table."""


def rows(table: str, recipe: Path | None = None) -> list[Row]:
    """Return the rows of a table, with the own tables of a recipe.

    Raises:
        UserError: the recipe is not valid.
    """
    tables = load(recipe).tables.read() if recipe else own_tables.SHIPPED
    with own_tables.using(tables):
        return TABLES[table]()
