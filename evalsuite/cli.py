"""`pcult eval` and `pcult report`."""

from pathlib import Path
from typing import Any

import click
import orjson

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option

BENCHMARKS = ("export",)


@click.command("eval")
@click.option("--endpoint", help="URL of an OpenAI-compatible endpoint, ending in /v1.")
@click.option("--model", type=click.Path(path_type=Path), help="Checkpoint to serve for the evaluation.")
@click.option(
    "--tasks", default="export", show_default=True, help=f"Benchmarks, as a comma list: {', '.join(BENCHMARKS)}."
)
@workspace_option
@click.option("--data", default="sample", show_default=True, help="Name of the export that is asked about.")
@click.option(
    "--split", "splits", multiple=True, default=("test",), show_default=True, help="dev, test or unseen; repeatable."
)
@click.option("--languages", default="", help="Languages, as a comma list; trained and held-out ones where not given.")
@click.option(
    "--limit", default=64, show_default=True, type=click.IntRange(min=1), help="Questions a language and kind."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the draw of questions and blind images.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the run, instead of runs/NAME."
)
@click.option("--api-key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File with the key.")
@json_option
@quiet_option
def evaluate(
    endpoint: str | None,
    model: Path | None,
    tasks: str,
    workspace: Path,
    data: str,
    splits: tuple[str, ...],
    languages: str,
    limit: int,
    seed: int,
    out: Path | None,
    api_key_file: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate a model with lighteval, controls included.

    Every question is asked twice, with its image and with another entity's: a score means something only beside what
    is reached without looking.

    \b
    Example:
      pcult eval --model pcult-workspace/checkpoints/tiny --tasks export --split test
    """
    import contextlib

    from evalsuite.harness import runner
    from evalsuite.report import terminal as tables
    from pangea_cultural.dataset.export import Export
    from pangea_cultural.endpoint.client import Endpoint
    from pangea_cultural.errors import unknown
    from pangea_cultural.reference.languages import language
    from pangea_cultural.utils.console import Reporter
    from pangea_cultural.workspace import Workspace

    if (endpoint is None) == (model is None):
        raise click.UsageError("give either --endpoint or --model")
    for name in tasks.split(","):
        if name not in BENCHMARKS:
            raise unknown("benchmark", name, BENCHMARKS)
    for split in splits:
        if split not in runner.SPLITS:
            raise unknown("split", split, runner.SPLITS)
    if out is not None:
        runner.refuse_foreign(out)
    codes = tuple(language(code.strip()).code for code in languages.split(",") if code.strip())
    place = Workspace.create(workspace)
    export = Export.open(place.exports / data)
    reporter = Reporter(quiet=quiet)
    key = api_key_file.read_text().strip() if api_key_file else None
    with contextlib.ExitStack() as stack:
        if model is not None:
            from serve.server import Server

            server = stack.enter_context(Server(model, log=place.logs / "vllm.log", reporter=reporter))
            endpoint, name = server.url, server.model
        else:
            name = runner.model_name(lambda: Endpoint(str(endpoint), api_key=key))
        checkpoint = model or place.checkpoints / name
        plan = runner.Plan(
            connect=lambda: Endpoint(str(endpoint), api_key=key, model=name),
            model=name,
            training=runner.training_record(checkpoint),
            weights=runner.weights_state(checkpoint),
            export=export,
            splits=splits,
            languages=codes,
            limit=limit,
            seed=seed,
        )
        folder = out or place.runs / f"{name}-{'-'.join(splits)}"
        results: dict[str, Any] = runner.evaluate(plan, folder, reporter)
    if as_json:
        click.echo(orjson.dumps(results | {"run": str(folder)}, option=orjson.OPT_INDENT_2))
        return
    from rich.console import Console

    for content in tables.summary(results):
        Console().print(content)
    click.echo(f"Run: {folder} (pcult report {folder} makes a page of it)")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The page; report.html in the first run.")
def report(runs: tuple[Path, ...], out: Path | None) -> None:
    """Write the HTML report of one or more runs.

    The page is one file: it can be mailed, and needs no network.

    \b
    Example:
      pcult report pcult-workspace/runs/tiny-test
    """
    from evalsuite.report.html import write

    path = out or runs[0] / "report.html"
    write(runs, path)
    click.echo(f"Report: {path}")
