"""`pcult recipe`."""

import importlib

import click

from pangea_cultural.cli.output import print_json

RECIPES = {"factory": "factory.recipe:Recipe", "training": "pangea_cultural.training.recipe:Recipe"}
"""Recipe classes, as `module:class`."""


@click.group()
def recipe() -> None:
    """Describe the keys of recipes.

    \b
    Example:
      pcult recipe schema training
    """


@recipe.command()
@click.argument("name", type=click.Choice(list(RECIPES)), metavar="|".join(RECIPES))
def schema(name: str) -> None:
    """Print the JSON schema of a recipe, with a description of every key.

    Editors check and complete TOML files with it.

    \b
    Example:
      pcult recipe schema training > training.schema.json
    """
    module, _, attribute = RECIPES[name].partition(":")
    recipe_class = getattr(importlib.import_module(module), attribute)
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema"} | recipe_class.model_json_schema())
