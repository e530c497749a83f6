"""`pcult data check`, `audit`, `report` and `synthetic-chat`: data sets on disk."""

from pathlib import Path

import click

from pangea_cultural.cli.options import CommaList, json_option, list_option
from pangea_cultural.utils.console import without_controls

MAX_PROBLEMS = 100
"""Problems of an export to print."""


@click.command()
@click.argument("export", type=click.Path(file_okay=False, path_type=Path))
@list_option
def check(export: Path, lists: tuple[Path, ...]) -> None:
    """Verify an export: files, hashes, held-out languages, splits and licenses. Prints one line for each problem.

    Every file has the hash of the manifest. No row of train is in a held-out language or about a held-out entity. No
    image of train is in another split, nor one that looks the same. Every image has a license. Nothing
    is withdrawn.

    \b
    Example:
      pcult data check pcult-workspace/exports/sample
    """
    from pangea_cultural.dataset import withdrawal
    from pangea_cultural.dataset.check import check as check_export
    from pangea_cultural.dataset.export import Export
    from pangea_cultural.errors import UserError

    opened = Export.of_manifest(export)
    withdrawn = withdrawal.read(withdrawal.beside(opened.path))
    problems = check_export(opened, withdrawn.merged(item for path in lists for item in withdrawal.read(path)))
    for problem in problems[:MAX_PROBLEMS]:
        click.echo(without_controls(problem))
    if problems:
        raise UserError(f"{export} failed verification ({len(problems)} problems). Build it again.")
    held_out = ", ".join(opened.held_out_languages) or "none"
    click.echo(f"Verified: {opened.manifest['questions']} questions, held-out languages: {held_out}")


@click.command()
@click.argument("export", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--by",
    type=click.Choice(["property", "language"]),
    default="property",
    show_default=True,
    help="Groups of questions to print.",
)
@json_option
def audit(export: Path, by: str, as_json: bool) -> None:
    """Measure what the text of an export gives away: guessers without images, balance, duplicates, contradictions.

    Guessers learn on train and are tested on test and unseen. Each group of questions has a limit, 5 points above the
    better of chance and the share of the most frequent answer.

    \b
    Example:
      pcult data audit pcult-workspace/exports/sample --by language
    """
    from factory.audit import cli

    cli.run(export, by=by, as_json=as_json)


@click.command()
@click.argument("export", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of the page; by default NAME-report.html in the current folder.",
)
@click.option("--samples", type=click.IntRange(1, 50), default=4, show_default=True, help="Rows of each language.")
def report(export: Path, out: Path | None, samples: int) -> None:
    """Write a page about an export: contents, samples with images, audit, rejections and licenses.

    The page is one file and needs no network. Rejections are those of the workspace that the export lies in.

    \b
    Example:
      pcult data report pcult-workspace/exports/sample
    """
    from factory.pipeline import STAGE_NAMES
    from factory.report import cli

    path = out or Path(f"{export.absolute().name}-report.html")
    cli.write(export, path, stages=STAGE_NAMES, number=samples)
    click.echo(f"Page: {path}")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--languages",
    type=CommaList(),
    default="en,de,es,ru,id",
    show_default=True,
    help="Languages to ask in, as a comma list.",
)
@click.option("--images", type=click.IntRange(1, 1_000_000), default=1500, show_default=True, help="Number of images.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of the images and questions."
)
def synthetic_chat(folder: Path, languages: tuple[str, ...], images: int, seed: int) -> None:
    """Write synthetic chat data: questions about colored shapes.

    The format is LLaVA chat JSON. Training mixes these questions with cultural ones.

    \b
    Example:
      pcult data synthetic-chat pcult-workspace/exports/general
    """
    from factory.sample.synthetic_chat import write_synthetic_chat

    write_synthetic_chat(folder, languages=languages, num_images=images, seed=seed)
    click.echo(f"Synthetic chat: {folder / 'general.json'}")
