"""`pcult eval` and `pcult report`."""

from pathlib import Path
from typing import Any

import click

from pangea_cultural.cli.options import CommaList, KeyFile, json_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json
from pangea_cultural.workspace import Workspace

BENCHMARKS = ("export",)


@click.command("eval")
@click.option("--endpoint", help="URL of an OpenAI-compatible endpoint, ending in /v1.")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a checkpoint to serve during the evaluation.")
@click.option(
    "--tasks",
    type=CommaList(),
    default="export",
    show_default=True,
    help=f"Benchmarks, as a comma list: {', '.join(BENCHMARKS)}.",
)
@workspace_option
@click.option("--data", default="sample", show_default=True, help="Name of the export with the questions.")
@click.option(
    "--split",
    "splits",
    type=click.Choice(("dev", "test", "unseen")),
    multiple=True,
    default=("test",),
    show_default=True,
    help="Split with the questions. Repeat the option for several splits.",
)
@click.option(
    "--languages",
    type=CommaList(allow_empty=True),
    default="",
    help="Languages to ask in, as a comma list. Default: the trained and the held-out languages.",
)
@click.option(
    "--max-questions",
    default=64,
    show_default=True,
    type=click.IntRange(min=1),
    help="Maximum number of questions per language and question type.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the choice of questions and blind images.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run. Default: runs/MODEL-SPLITS in the workspace.",
)
@click.option("--api-key-file", "api_key", type=KeyFile(), help="File with the endpoint's key.")
@json_option
@quiet_option
def evaluate(
    endpoint: str | None,
    model: Path | None,
    tasks: tuple[str, ...],
    workspace: Workspace,
    data: str,
    splits: tuple[str, ...],
    languages: tuple[str, ...],
    max_questions: int,
    seed: int,
    out: Path | None,
    api_key: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate a model on an export with lighteval.

    Every question is asked twice: with its image, and blind, with the image of another entity. A score is only
    meaningful next to its blind score. Give either --endpoint or --model.

    \b
    Example:
      pcult eval --model pcult-workspace/checkpoints/tiny --tasks export --split test
    """
    from evalsuite.harness import runner
    from pangea_cultural.cli.serving import open_endpoint
    from pangea_cultural.dataset.export import Export
    from pangea_cultural.endpoint.client import Endpoint
    from pangea_cultural.errors import unknown
    from pangea_cultural.reference.languages import language
    from pangea_cultural.utils.console import Reporter

    if (endpoint is None) == (model is None):
        raise click.UsageError("Give either --endpoint or --model.")
    for name in tasks:
        if name not in BENCHMARKS:
            raise unknown("benchmark", name, BENCHMARKS)
    if out is not None:
        runner.require_run_folder(out)
    workspace.create()
    export = Export.open(workspace.exports / data)
    codes = tuple(language(code).code for code in languages)
    with open_endpoint(endpoint, model, workspace, api_key=api_key, quiet=quiet) as served:
        config = runner.EvalConfig.for_checkpoint(
            model or workspace.checkpoints / served.model,
            connect=lambda: Endpoint(served.url, api_key=api_key, model=served.model),
            model=served.model,
            export=export,
            splits=splits,
            languages=codes,
            max_questions=max_questions,
            seed=seed,
        )
        folder = out or workspace.runs / f"{served.model}-{'-'.join(splits)}"
        results = runner.evaluate(config, folder, Reporter(quiet=quiet))
    if as_json:
        print_json(results | {"run": str(folder)})
    else:
        _print_summary(results, folder)


def _print_summary(results: dict[str, Any], folder: Path) -> None:
    from rich.console import Console

    from evalsuite.report import terminal

    for table in terminal.summary(results):
        Console().print(table)
    click.echo(f"Run: {folder} (`pcult report {folder}` writes its report)")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the page. Default: report.html in the first run.",
)
def report(runs: tuple[Path, ...], out: Path | None) -> None:
    """Write the HTML report of one or more runs.

    RUNS are folders that `pcult eval` has written. The report is one file and needs no network.

    \b
    Example:
      pcult report pcult-workspace/runs/tiny-test
    """
    from evalsuite.report.html import write

    path = out or runs[0] / "report.html"
    write(runs, path)
    click.echo(f"Report: {path}")
