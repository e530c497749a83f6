"""`pcult data list` and `templates`: what recipes can name."""

from pathlib import Path
from typing import Any

import click

from pangea_cultural.cli.options import json_option
from pangea_cultural.cli.output import print_json, print_table

SHOWN = {
    "regions": ["slug", "name", "item", "languages", "population", "table"],
    "languages": ["code", "name", "native", "script", "labels", "templates", "table"],
    "properties": ["property", "label", "theme", "value_type", "asked_of", "table"],
}
"""Columns of tables that are too wide for a terminal; --json prints all."""

LISTED = ("regions", "languages", "properties", "recipes", "templates")
"""Tables to list, as in `listing.TABLES`, which is imported only by its command."""


@click.command("list")
@click.argument("table", type=click.Choice(LISTED), metavar="|".join(LISTED))
@click.option("--recipe", "recipe_name", metavar="RECIPE", help="Recipe whose own tables count as well.")
@json_option
def list_table(table: str, recipe_name: str | None, as_json: bool) -> None:
    """List what recipes can name: regions, languages, properties, recipes or templates.

    The column `table` names the own table that a row is from. --json has all columns.

    \b
    Example:
      pcult data list regions
    """
    from factory import listing
    from factory.recipe import RECIPES
    from pangea_cultural.config import find

    rows = listing.rows(table, find("recipe", recipe_name, RECIPES) if recipe_name else None)
    if as_json:
        print_json(rows)
        return
    columns = SHOWN.get(table) or list(rows[0])
    print_table(table.capitalize(), columns, [[_joined(row[column]) for column in columns] for row in rows])


@click.group("templates")
def template_group() -> None:
    """Read the templates of a language."""


@template_group.command()
@click.argument("language", metavar="LANG")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of the page; by default templates-LANG.html in the current folder.",
)
@click.option("--recipe", "recipe_name", metavar="RECIPE", help="Recipe whose own templates count as well.")
def preview(language: str, out: Path | None, recipe_name: str | None) -> None:
    """Write a page on which a native speaker reads the templates of a language and notes corrections.

    LANG is a language code, or zh-hant. Frames are filled with difficult names, dates and numbers. The page is one file
    and needs no network.

    \b
    Example:
      pcult data templates preview ar --out arabic.html
    """
    from factory.questions import templates
    from factory.questions.preview import page
    from factory.recipe import RECIPES, load
    from pangea_cultural.config import find
    from pangea_cultural.errors import UserError
    from pangea_cultural.reference import own_tables
    from pangea_cultural.utils.files import write_bytes

    tables = load(find("recipe", recipe_name, RECIPES)).tables.read() if recipe_name else own_tables.SHIPPED
    with own_tables.using(tables):
        name = templates.find_name(language)
        text = page.render(name)
    path = out or Path(f"templates-{name}.html")
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror}). Choose another file with --out.") from error
    click.echo(f"Page: {path}")


@template_group.command()
@click.argument("recipe_name", metavar="RECIPE")
def check(recipe_name: str) -> None:
    """Check a recipe's own templates: script, marks, blanks around values, and their language.

    The exit code is 1 if the form of a text is wrong. The language is only guessed, so doubts about it are warnings.

    \b
    Example:
      pcult data templates check my-recipe.toml
    """
    from factory.questions import template_checks
    from factory.recipe import RECIPES, load
    from pangea_cultural.config import find
    from pangea_cultural.errors import UserError
    from pangea_cultural.reference import own_tables

    with own_tables.using(load(find("recipe", recipe_name, RECIPES)).tables.read()):
        texts = template_checks.own_templates()
        wrong = [line for name, rows in texts.items() for line in template_checks.problems(name, rows)]
        doubts = _doubts(texts)
    for line in (*wrong, *doubts):
        click.echo(line)
    if wrong:
        raise UserError(f"{len(wrong)} texts are wrong. Correct the templates of {recipe_name}.")
    click.echo(f"{sum(map(len, texts.values()))} own texts are right in form.")


def _doubts(texts: dict[str, Any]) -> list[str]:
    """Return a warning for each question that no detector finds in its language."""
    from factory.questions.templates import language_of
    from factory.refine import languages
    from pangea_cultural.errors import UserError

    try:
        languages.check()
    except UserError:
        return ["The language was not checked: pip install 'pangea-cultural[refine]'"]
    return [
        f"{row.id}: may be in another language than {language_of(name).name}: {row.text}"
        for name, rows in texts.items()
        for row in rows
        if row.kind == "ask" and not languages.is_in(row.text, language_of(name).code)
    ]


def _joined(value: Any) -> Any:
    return " ".join(value) if isinstance(value, list) else value
