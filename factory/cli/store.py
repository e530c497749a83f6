"""`pcult data stats`, `show` and `reject-reasons`: what the store has."""

from pathlib import Path
from typing import Any

import click

from factory.cli import transfer
from pangea_cultural.cli.options import json_option, workspace_option
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.workspace import Workspace

SHOWN = {
    "claims": ["property", "value", "exactness", "rank", "best", "label"],
    "images": ["file", "via", "attribution", "license", "license_url", "source"],
}
"""Columns of tables that are too wide for a terminal; --json prints all."""
MOST_LISTED = 1000
"""Rejections to list on a terminal."""


@click.command()
@workspace_option
@json_option
@click.option("--languages", is_flag=True, help="Count instead the values that have a text in each language.")
@click.option("--bias", is_flag=True, help="Measure instead how unevenly the questions of train are spread.")
@click.option("--data", "export", help="Read instead an export, by its name in the workspace or its folder.")
@click.option("--recipe", "recipe_name", metavar="RECIPE", help="Recipe whose own regions --bias knows as well.")
def stats(
    workspace: Workspace, as_json: bool, languages: bool, bias: bool, export: str | None, recipe_name: str | None
) -> None:
    """Count the contents of the store by stage, language, region and property.

    While a build runs, the counts are those after one of its last batches, with their time.

    \b
    Example:
      pcult data stats --workspace my-workspace
    """
    folder = None if export is None else transfer.find_export(export, workspace)
    if bias:
        _print_bias(workspace, folder, recipe_name, as_json)
        return
    if folder is not None:
        transfer.print_counts(folder, as_json=as_json)
        return
    if languages:
        _print_coverage(workspace, as_json)
        return
    time, counts = _counts(workspace)
    totals = counts.pop("totals")
    del counts["rejections"]
    if as_json:
        print_json({"as_of": time} | totals | {name: _records(content) for name, content in counts.items()})
        return
    print_table(_title("Store", time), list(totals), [list(totals.values())])
    for name, content in counts.items():
        print_table(name.capitalize(), *content)


def _print_bias(workspace: Workspace, export: Path | None, recipe_name: str | None, as_json: bool) -> None:
    from factory.bias import cli
    from factory.recipe import RECIPES, load
    from pangea_cultural.config import find
    from pangea_cultural.reference import own_tables

    tables = load(find("recipe", recipe_name, RECIPES)).tables.read() if recipe_name else own_tables.SHIPPED
    with own_tables.using(tables):
        cli.run(workspace.store, export, as_json=as_json)


def _print_coverage(workspace: Workspace, as_json: bool) -> None:
    from factory.store import language_coverage
    from factory.store.store import Store

    with Store.open(workspace.store, read_only=True) as store:
        rows = language_coverage.coverage(store)
    if as_json:
        print_json(language_coverage.as_json(rows))
        return
    for table in language_coverage.as_tables(rows):
        print_table(*table)


def _counts(workspace: Workspace) -> tuple[str, dict[str, Any]]:
    """Return the counts of a store, with the time of the copy if another process builds."""
    from factory.pipeline import STAGE_NAMES
    from factory.store import snapshot, statistics

    return snapshot.store_or_copy(workspace, lambda store: statistics.everything(store, STAGE_NAMES))


def _title(name: str, time: str) -> str:
    return f"{name} at {time}, while a build runs" if time else name


@click.command()
@click.argument("entity")
@workspace_option
@json_option
def show(entity: str, workspace: Workspace, as_json: bool) -> None:
    """Show an entity with its labels, claims and images.

    \b
    Example:
      pcult data show Q43175
    """
    from factory.store import statistics
    from factory.store.store import Store

    with Store.open(workspace.store, read_only=True) as store:
        record = statistics.entity(store, entity)
    if as_json:
        print_json(record)
        return
    plain = {key: value for key, value in record.items() if not isinstance(value, list) or key == "regions"}
    print_table(entity, ["", ""], [[key, value] for key, value in plain.items()])
    for name in ("labels", "claims", "images", "statements", "rejections"):
        if record[name]:
            columns = SHOWN.get(name) or list(record[name][0])
            print_table(name.capitalize(), columns, [[row[column] for column in columns] for row in record[name]])


@click.command("reject-reasons")
@workspace_option
@json_option
@click.option(
    "--list", "listed", is_flag=True, help="List instead what was rejected: rows with file and line, entities."
)
@click.option("--reason", metavar="TEXT", help="List only the reasons that contain this text.")
def reject_reasons(workspace: Workspace, as_json: bool, listed: bool, reason: str | None) -> None:
    """Count rejections by stage and reason, or list them.

    \b
    Example:
      pcult data reject-reasons --list --reason license
    """
    if listed or reason is not None:
        _list_rejections(workspace, reason or "", as_json)
        return
    time, counts = _counts(workspace)
    if as_json:
        print_json(_records(counts["rejections"]))
    else:
        print_table(_title("Rejections", time), *counts["rejections"])


def _list_rejections(workspace: Workspace, reason: str, as_json: bool) -> None:
    from factory.pipeline import STAGE_NAMES
    from factory.store import statistics
    from factory.store.store import Store

    with Store.open(workspace.store, read_only=True) as store:
        content = statistics.rejections(store, STAGE_NAMES, reason)
    if as_json:
        print_json(_records(content))
        return
    _, rows = content
    for stage, unit, item, text, detail, items in rows[:MOST_LISTED]:
        count = f" ({items:,} {unit})" if items > 1 else ""
        click.echo(f"{stage}: {item}: {text}{count}" + (f": {detail}" if detail else ""))
    if len(rows) > MOST_LISTED:
        click.echo(f"{len(rows) - MOST_LISTED:,} more. --json has all.")


def _records(content: tuple[list[str], list[list[Any]]]) -> list[dict[str, Any]]:
    return [dict(zip(content[0], row, strict=True)) for row in content[1]]
