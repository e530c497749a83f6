"""`pcult data export`, `import`, `push` and `pull`: data sets in other formats and on the hub."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pangea_cultural.cli.options import json_option, list_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace

if TYPE_CHECKING:
    from pangea_cultural.dataset.withdrawal import WithdrawalList

EXPORT_FORMATS = ("native", "culturalground", "parquet", "webdataset", "messages")
"""Formats of `pcult data export`, as in `exchange.formats.registry`, which is imported only by its command."""

IMPORT_FORMATS = ("culturalground", "llava", "m3ls", "native", "parquet")
"""Formats of `pcult data import`, as in `exchange.imports.files`, which is imported only by its command."""


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "format_name", type=click.Choice(EXPORT_FORMATS), required=True, help="Format to write.")
@click.option("--data", default="sample", show_default=True, help="Name of an export in the workspace, or its folder.")
@click.option(
    "--answer-style",
    type=click.Choice(["short", "sentence", "both"]),
    default="short",
    show_default=True,
    help="Answers to open questions in the chats of `culturalground` and `messages`.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier data set in DIR.")
@workspace_option
@json_option
@quiet_option
def export_command(
    folder: Path,
    format_name: str,
    data: str,
    answer_style: str,
    overwrite: bool,
    workspace: Workspace,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a data set in another format, with a dataset card and an attribution.

    DIR appears when it is complete. Its README.md has code that loads the data.

    \b
    Example:
      pcult data export --format parquet my-parquet --data sample
    """
    from factory.audit.headline import in_words
    from factory.exchange import writer
    from factory.exchange.formats.base import Options
    from factory.exchange.formats.registry import FORMATS
    from pangea_cultural.dataset import withdrawn_rows
    from pangea_cultural.dataset.export import Export

    export = Export.open(find_export(data, workspace))
    withdrawn_rows.require_none(export, workspace.withdrawals)
    written = writer.write(
        export,
        FORMATS[format_name],
        folder,
        options=Options(answer_style=answer_style),  # type: ignore[arg-type]
        overwrite=overwrite,
        in_words=in_words,
        reporter=Reporter(quiet=quiet),
    )
    if as_json:
        counts = {"questions": written.questions, "images": written.images, "left_out": written.left_out}
        print_json({"folder": str(folder), "format": format_name} | counts)
        return
    for reason, count in written.left_out.items():
        click.echo(f"Left out: {count:,} questions ({reason})")
    click.echo(f"Written: {folder}, {written.questions:,} questions and {written.images:,} images")


@click.command("import")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--format", "format_name", type=click.Choice(IMPORT_FORMATS), required=True, help="Format of the data.")
@click.option("--name", help="Name of the new export in the workspace; by default that of PATH.")
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the images or of their archives; by default that of the data.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test", "unseen"]),
    default="train",
    show_default=True,
    help="Split of the rows, if their files name none.",
)
@click.option("--license", "license_name", default="", help="License of images that come without one.")
@click.option("--author", default="", help="Author of images that come without one.")
@click.option("--default-language", default="", help="Language of rows without one. Otherwise they are rejected.")
@click.option("--instruction", default="", help="Task that precedes each article of m3ls.")
@click.option("--split-turns", is_flag=True, help="Make a question of each turn of a chat.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export of this name.")
@workspace_option
@json_option
@quiet_option
def import_command(
    path: Path,
    format_name: str,
    name: str | None,
    overwrite: bool,
    workspace: Workspace,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Import a published data set as an export, which train, check, audit and export can read.

    Usable rows are kept. The others are counted by reason and listed in rejections.jsonl of the export, also those that
    the workspace has withdrawn.

    \b
    Example:
      pcult data import --format culturalground CulturalGround --name culturalground
    """
    from factory.exchange.imports import importer

    name = export_name(name or path.absolute().name.split(".")[0])
    workspace.create()
    imported = importer.run(
        path,
        workspace.exports / name,
        _import_options(format_name, name, options),
        withdrawn=_withdrawn(workspace, ()),
        overwrite=overwrite,
        reporter=Reporter(quiet=quiet),
    )
    if as_json:
        print_json(dataclasses.asdict(imported))
        return
    rows = [["rejected", reason, count] for reason, count in imported.rejected.items()]
    rows += [["kept", remark, count] for remark, count in imported.remarks.items()]
    if rows:
        print_table("Rows with a fault", ["", "reason", "rows"], rows)
    counts = ", ".join(f"{count:,} in {split}" for split, count in imported.questions.items() if count)
    click.echo(f"Imported: {imported.folder}, questions: {counts}; images: {imported.images:,}")


def _import_options(format_name: str, name: str, options: dict[str, Any]) -> Any:
    from factory.exchange.imports.importer import ImportOptions
    from factory.exchange.imports.rows import ReadOptions
    from pangea_cultural.errors import UserError
    from pangea_cultural.reference.languages import language

    if format_name == "m3ls" and not options["instruction"]:
        raise UserError("M3LS has articles without a task. Set --instruction, such as 'Summarize the article.'")
    default = options["default_language"]
    read = ReadOptions(
        split_turns=options["split_turns"],
        default_language=language(default).code if default else "",
        instruction=options["instruction"],
    )
    return ImportOptions(
        format=format_name,
        name=name,
        images=options["images"],
        split=options["split"],
        author=options["author"],
        license=options["license_name"],
        read=read,
    )


@click.command("push")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("repository", metavar="USER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@list_option
@workspace_option
@json_option
@quiet_option
def push_command(
    folder: Path,
    repository: str,
    private: bool,
    lists: tuple[Path, ...],
    workspace: Workspace,
    as_json: bool,
    quiet: bool,
) -> None:
    """Upload a data set of `pcult data export` to the Hugging Face hub, as one commit.

    A data set with rows that the workspace has withdrawn is refused. The token is read from HF_TOKEN, another hub's
    address from HF_ENDPOINT. After an interruption, files that have arrived are not sent again.

    \b
    Example:
      pcult data push my-parquet me/my-dataset --private
    """
    from factory.exchange.hub.push import push

    commit = push(folder, repository, _withdrawn(workspace, lists), private=private, quiet=quiet)
    _print_commit(repository, commit, {}, f"Pushed: {repository} at {commit}", as_json=as_json)


@click.command("pull")
@click.argument("repository", metavar="USER/NAME")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--revision", help="Branch, tag or commit; by default the newest commit.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Download only the files that match; repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier data set in DIR.")
@workspace_option
@json_option
@quiet_option
def pull_command(
    repository: str,
    folder: Path,
    revision: str | None,
    include: tuple[str, ...],
    overwrite: bool,
    workspace: Workspace,
    as_json: bool,
    quiet: bool,
) -> None:
    """Download a data set from the Hugging Face hub, and compare each file with its hash.

    DIR appears when it is complete. Name the printed commit with --revision to download the same files again. After an
    interruption, the same command resumes. The command names what the workspace has withdrawn of it.

    \b
    Example:
      pcult data pull neulab/CulturalGround CulturalGround --include "CultureGroundImages/kenya.tar.gz"
    """
    from factory.exchange.hub.pull import pull
    from pangea_cultural.dataset import withdrawn_data_sets

    pulled = pull(repository, folder, revision=revision, include=include, overwrite=overwrite, quiet=quiet)
    text = f"Pulled: {folder}, {pulled.files:,} files of {repository} at {pulled.commit}"
    names = withdrawn_data_sets.problem(folder, _withdrawn(workspace, ()))
    if names:
        text += f"\nIt has or may have withdrawn data: {names}. `pcult data import` leaves it out."
    more = {"folder": str(folder), "files": pulled.files, "withdrawn": names}
    _print_commit(repository, pulled.commit, more, text, as_json=as_json)


def _withdrawn(workspace: Workspace, lists: tuple[Path, ...]) -> "WithdrawalList":
    """Return the withdrawal list of a workspace, with others."""
    from pangea_cultural.dataset import withdrawal

    others = [item for path in lists for item in withdrawal.read(path)]
    return withdrawal.read(workspace.withdrawals).merged(others)


def _print_commit(repository: str, commit: str, more: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"repository": repository, "commit": commit} | more)
    else:
        click.echo(text)


def export_name(name: str) -> str:
    """Return the name of an export.

    Raises:
        UserError: the name is not one of a folder.
    """
    from pangea_cultural.errors import UserError

    slug = name.lower()
    if not re.fullmatch("[a-z0-9][a-z0-9_-]{0,99}", slug):
        raise UserError(f"{name!r} is not a name of an export. Choose letters, digits and hyphens with --name.")
    return slug


def find_export(data: str, workspace: Workspace) -> Path:
    """Return the folder of an export by its name in the workspace, or by its path."""
    named = workspace.exports / data
    return named if "/" not in data and named.is_dir() else Path(data)


def print_counts(folder: Path, *, as_json: bool) -> None:
    """Print the counts of an export, which can be an imported one."""
    from factory.exchange import counts
    from pangea_cultural.dataset.export import Export

    counted = counts.count(Export.open(folder), Reporter(quiet=True))
    if as_json:
        print_json(counted)
        return
    for group, rows in counted.items():
        title = group.replace("_", " ").capitalize()
        print_table(title, [group, *counts.COLUMNS], [[name, *row.values()] for name, row in rows.items()])
