"""`pcult eval` and `pcult report`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from evalsuite.harness.passes.settings import CONTROLS, Passes
from evalsuite.logs.cli import rescore, show
from pangea_cultural.cli.options import CommaList, KeyFile, json_option, quiet_option, wait_option, workspace_option
from pangea_cultural.cli.output import print_json
from pangea_cultural.workspace import Workspace

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from evalsuite.harness.judge import Judge
    from evalsuite.harness.questions import Questions
    from evalsuite.harness.runner import EvalConfig
    from evalsuite.harness.subject import Subject
    from pangea_cultural.cli.serving import ServedModel
    from pangea_cultural.dataset.export import Export
    from pangea_cultural.endpoint.pool import Target

EXPORT = "export"
REPORT = "report.html"
EXPORT_QUESTIONS = 64
"""Questions of an export for each language and question type, without --max-questions."""


class JudgeAddress(NamedTuple):
    """The judge's endpoint as options name it."""

    url: str | None
    model: str | None
    api_key: str | None


def judge_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the judge to a command, which gets them as the argument `judge`."""

    @click.option(
        "--judge",
        help="URL of the OpenAI-compatible endpoint of a judge, for benchmarks whose answers need one.",
    )
    @click.option("--judge-model", help="Name of the judge's model. Default: the first one of its endpoint.")
    @click.option("--judge-key-file", "judge_key", type=KeyFile(), help="File with the key of the judge's endpoint.")
    @functools.wraps(command)
    def packed(
        *arguments: Any, judge: str | None, judge_model: str | None, judge_key: str | None, **options: Any
    ) -> None:
        command(*arguments, judge=JudgeAddress(judge, judge_model, judge_key), **options)

    return packed


def pass_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of further passes to a command, which gets them as the argument `passes`."""

    @click.option(
        "--repeat",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Passes over all questions, to see how often answers differ. Scores are those of the first one.",
    )
    @click.option(
        "--rotate-options",
        is_flag=True,
        help="Ask each question with options once for each position of the right one, for preferences of positions.",
    )
    @click.option(
        "--controls",
        type=CommaList(allow_empty=True),
        default="",
        help="Controls of published benchmarks, as a comma list: blind (another image), text-only (no image). Each "
        "asks all questions with images once more: one control doubles the cost. An export always has its own.",
    )
    @functools.wraps(command)
    def packed(*arguments: Any, repeat: int, rotate_options: bool, controls: tuple[str, ...], **options: Any) -> None:
        command(*arguments, passes=Passes(repeat, rotate_options, _controls(controls)), **options)

    return packed


def _controls(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the controls of an option by their names in a run.

    Raises:
        UserError: there is no such control.
    """
    from pangea_cultural.errors import unknown

    for name in names:
        if name not in CONTROLS:
            raise unknown("control", name, CONTROLS)
    return tuple(dict.fromkeys(CONTROLS[name] for name in names))


@click.group("eval", invoke_without_command=True)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    help="URL of an OpenAI-compatible endpoint, ending in /v1. Repeat it for several servers of a model.",
)
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a checkpoint to serve during the evaluation.")
@click.option(
    "--tasks",
    type=CommaList(),
    default="export",
    show_default=True,
    help="Benchmarks and groups of them (culture, mainstream, held-out, all), as a comma list. `--list` names them.",
)
@workspace_option
@click.option("--export", default="sample", show_default=True, help="Name of the export for the benchmark `export`.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with copies of published data sets, as OWNER/NAME. Default: the Hugging Face hub.",
)
@click.option(
    "--split",
    "splits",
    type=click.Choice(("dev", "test", "unseen")),
    multiple=True,
    default=("test",),
    show_default=True,
    help="Split of the export. Repeat the option for several splits.",
)
@click.option(
    "--languages",
    type=CommaList(allow_empty=True),
    default="",
    help="Languages to ask in, as a comma list. Default: all; of an export, the trained and the held-out ones.",
)
@click.option(
    "--max-questions",
    type=click.IntRange(min=1),
    help="Maximum number of questions per language and question type. "
    f"Default: {EXPORT_QUESTIONS} of an export, all of other benchmarks.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the choice of questions and blind images.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run. Default: runs/MODEL-SPLITS in the workspace, or runs/MODEL-TASKS; with a number behind it "
    "if that folder has a run of another model or with other settings.",
)
@wait_option
@click.option("--api-key-file", "api_key", type=KeyFile(), help="File with the endpoint's key.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=120,
    show_default=True,
    help="Seconds for one answer.",
)
@click.option(
    "--allow-missing",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of questions that may stay without an answer, for example because the endpoint rejects them.",
)
@judge_options
@pass_options
@click.option("--list", "list_only", is_flag=True, help="Print the benchmarks, their groups and data sets, and stop.")
@json_option
@quiet_option
@click.pass_context
def evaluate(
    context: click.Context,
    endpoints: tuple[str, ...],
    model: Path | None,
    tasks: tuple[str, ...],
    workspace: Workspace,
    export: str,
    data: Path | None,
    splits: tuple[str, ...],
    languages: tuple[str, ...],
    max_questions: int | None,
    seed: int,
    out: Path | None,
    wait_s: float,
    api_key: str | None,
    timeout: float,
    allow_missing: int,
    judge: JudgeAddress,
    passes: Passes,
    list_only: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate a model on benchmarks with lighteval.

    Every question of an export is asked with its image and under controls: with another image, a gray one and none. A
    score is only meaningful next to its strongest control. Published benchmarks have the score of their reference
    harness, and a robust score without guessing. Give either --endpoint or --model.

    \b
    Example:
      pcult eval --model pcult-workspace/checkpoints/tiny --tasks export --split test
    """
    from evalsuite.benchmarks.registry import resolve
    from evalsuite.harness import run_folder, suite
    from evalsuite.harness.questions import Selection
    from pangea_cultural.utils.console import Reporter

    if list_only and not context.invoked_subcommand:
        _print_benchmarks(as_json)
    if list_only or context.invoked_subcommand:
        return
    if bool(endpoints) == (model is not None):
        raise click.UsageError("Give either --endpoint or --model.")
    names, splits, codes = resolve(tasks), tuple(dict.fromkeys(splits)), _codes(languages)
    published = tuple(name for name in names if name != EXPORT)
    if out is not None:
        run_folder.require_run_folder(out)
    workspace.create()
    source = _export(names, workspace.exports / export, data)
    loaded = suite.load_all(published, data, Selection(languages=codes, max_questions=max_questions, seed=seed))
    urls = tuple(dict.fromkeys(url.rstrip("/") for url in endpoints))
    with _opened(urls, model, workspace, api_key=api_key, quiet=quiet, wait_s=wait_s) as served:
        subject = _subject(served.model, urls or (served.url,), model, workspace, api_key, timeout)
        config = _export_config(subject, source, splits, codes, max_questions, seed) if source else None
        found = _judge(judge, loaded, timeout)
        plan = suite.plan(subject, config, loaded, data, judge=found, allow_missing=allow_missing, passes=passes)
        base = workspace.runs / run_folder.safe_name(f"{served.model}-{'-'.join(tasks if published else splits)}")
        results = suite.evaluate(plan, out or base, Reporter(quiet=quiet), exact=out is not None)
    _finish(results, as_json)


def _opened(
    urls: tuple[str, ...], model: Path | None, workspace: Workspace, *, wait_s: float, **options: Any
) -> "AbstractContextManager[ServedModel]":
    """Return the context of the first endpoint, or of the served checkpoint. The other endpoints have started."""
    from pangea_cultural.cli.serving import open_endpoint
    from pangea_cultural.endpoint.client import model_name

    for url in urls[1:] if wait_s else ():
        model_name(url, options["api_key"], wait_s=wait_s)
    return open_endpoint(urls[0] if urls else None, model, workspace, wait_s=wait_s, **options)


def _finish(results: dict[str, Any], as_json: bool) -> None:
    """Write the report of a run, and print its results."""
    from evalsuite.report import html

    run = Path(results["run"])
    html.write([run], run / REPORT)
    if as_json:
        print_json(results | {"report": str(run / REPORT)})
    else:
        _print_summary(results)


evaluate.add_command(show)
evaluate.add_command(rescore)


def _codes(languages: tuple[str, ...]) -> tuple[str, ...]:
    from pangea_cultural.reference.languages import language

    return tuple(dict.fromkeys(language(code).code for code in languages))


def _export(names: tuple[str, ...], path: Path, data: Path | None) -> "Export | None":
    """Return the export to ask about, None if the benchmark `export` is not among the names."""
    from pangea_cultural.dataset.export import Export
    from pangea_cultural.errors import UserError

    if data is not None and names == (EXPORT,):
        raise UserError(
            "--data is the folder of published data sets, which the benchmark export does not use. "
            f"Name the export with --export {data}."
        )
    return Export.open(path) if EXPORT in names else None


def _subject(
    name: str, urls: tuple[str, ...], model: Path | None, workspace: Workspace, api_key: str | None, timeout_s: float
) -> "Subject":
    from evalsuite.harness.subject import Subject
    from pangea_cultural.endpoint.client import Endpoint
    from pangea_cultural.endpoint.pool import EndpointPool

    def connect() -> "Target":
        clients = [Endpoint(url, api_key=api_key, model=name, timeout_s=timeout_s) for url in urls]
        return EndpointPool(clients) if len(clients) > 1 else clients[0]

    return Subject.ask(connect, [*([model] if model else []), *sorted(workspace.checkpoints.glob("*"))])


def _judge(address: JudgeAddress, loaded: "list[Questions]", timeout_s: float) -> "Judge | None":
    """Return the judge; None if no judge was given.

    Raises:
        click.UsageError: a judge was given and nothing needs it.
    """
    from evalsuite.harness.judge import Judge
    from pangea_cultural.endpoint.client import Endpoint

    if address.url is None:
        return None
    if not any(questions.benchmark.judging for questions in loaded):
        raise click.UsageError("No benchmark of --tasks needs a judge. Remove --judge.")
    url, model, key = address.url, address.model, address.api_key
    return Judge.ask(lambda: Endpoint(url, api_key=key, model=model, timeout_s=timeout_s))


def _export_config(
    subject: "Subject",
    export: "Export",
    splits: tuple[str, ...],
    languages: tuple[str, ...],
    limit: int | None,
    seed: int,
) -> "EvalConfig":
    """Return the settings of an evaluation on an export. What is withdrawn of it is printed, and stated in the run."""
    from evalsuite.harness.runner import EvalConfig
    from pangea_cultural.dataset import withdrawn_rows

    withdrawn = withdrawn_rows.named_in(export)
    if withdrawn:
        click.echo(f"{export.path} has withdrawn data: {withdrawn}. The results say so.", err=True)
    return EvalConfig(
        **vars(subject),
        export=export,
        withdrawn=withdrawn,
        splits=splits,
        languages=languages,
        max_questions=limit or EXPORT_QUESTIONS,
        seed=seed,
    )


def _print_benchmarks(as_json: bool) -> None:
    from evalsuite.report import published
    from pangea_cultural.utils.console import results_console

    rows = published.benchmark_rows()
    if as_json:
        print_json(rows)
    else:
        results_console().print(published.benchmark_table(rows))


def _print_summary(results: dict[str, Any]) -> None:
    from evalsuite.report import passes, published, terminal
    from pangea_cultural.utils.console import results_console

    for table in [*terminal.summary(results), *published.summary(results)]:
        results_console().print(table)
    for line in [*published.outcomes(results), *passes.lines(results)]:
        click.echo(line)
    click.echo(f"Run: {results['run']}\nReport: {Path(results['run']) / REPORT}")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the page. Default: report.html in the first run.",
)
def report(runs: tuple[Path, ...], out: Path | None) -> None:
    """Write the HTML report of one or more runs, and compare the first run with each other one.

    RUNS are folders that `pcult eval` has written. The page is one file and needs no network. Its content is also
    written as Markdown and JSON beside it. The verdicts about several runs are also printed.

    \b
    Example:
      pcult report pcult-workspace/runs/tiny-test pcult-workspace/runs/other-test
    """
    from evalsuite.report.html import write

    path = out or runs[0] / REPORT
    found = write(runs, path)
    click.echo(f"Report: {path}")
    _print_verdicts(found["comparisons"])
    if len(runs) > 1:
        click.echo(f"Verdicts: {path.with_suffix('.json')}")


def _print_verdicts(comparisons: list[dict[str, Any]]) -> None:
    from evalsuite.report.verdicts import tables
    from pangea_cultural.utils.console import results_console

    console = results_console()
    for found in comparisons:
        for table in tables.tables(found):
            console.print(table)
        for sentence in tables.notes(found):
            console.print(sentence, markup=False, highlight=False)
