"""Results on stdout: JSON for programs, tables for people."""

from typing import Any

import click
import orjson


def print_json(value: Any) -> None:
    """Print a result as indented JSON; types that JSON lacks are printed as text."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))


def print_table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table with a title."""
    from pangea_cultural.utils.console import results_console, table

    results_console().print(table(title, columns, rows))
