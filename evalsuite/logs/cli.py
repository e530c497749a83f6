"""`pcult eval show` and `pcult eval rescore`."""

from pathlib import Path
from typing import Any

import click

from pangea_cultural.cli.options import json_option
from pangea_cultural.cli.output import print_json

SHOWN_CHARACTERS = 160
"""Characters of an answer in the list of disagreements."""


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("item")
@json_option
def show(run: Path, item: str, as_json: bool) -> None:
    """Show one question of a run: prompt, images, answer and scores.

    The answer is printed as it came, with what was read from it. ITEM is an item of a published benchmark, such as
    marvl:sw/0, or the id of a question of an export. Images are written to the run as they were sent.

    \b
    Example:
      pcult eval show pcult-workspace/runs/tiny-marvl marvl:sw/0
    """
    from evalsuite.logs.show import find

    found = find(run, item)
    if as_json:
        print_json(found)
        return
    for row in found:
        _print(row)


def _print(row: dict[str, Any]) -> None:
    head = f"{row['item']} ({', '.join(filter(None, (row['language'], row['condition'])))})"
    click.secho(head, bold=True)
    parts: list[tuple[str, Any]] = [
        ("system", row["system"]),
        ("prompt", row["prompt"]),
        *(("image", path) for path in row["images"]),
        ("note", row["note"]),
        ("raw answer", row["raw"]),
        ("ending", row["ending"]),
        ("error", row["error"]),
        ("extracted", row["extracted"] if row["extracted"] is not None else "(nothing)"),
        ("right", row["right"] and " | ".join(row["right"])),
        ("verdict", row["verdict"]),
        ("reference score", row["reference"]),
        ("robust score", row["robust"]),
        *row["more"].items(),
    ]
    for name, value in parts:
        if value is not None:
            click.echo(f"{name}: {value if isinstance(value, int | float) else _visible(str(value))}")


def _visible(text: str) -> str:
    """Return a text in which terminals find no control characters. Line breaks stay, with an indent."""
    lines = "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text).split("\n")
    return lines[0] if len(lines) == 1 else "\n" + "\n".join(f"    {line}" for line in lines)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--benchmark", required=True, help="The benchmark that was asked. `pcult eval --list` names them.")
@click.option(
    "--task", help="Task of the benchmark, such as a language. Default: the one that the file's name ends in."
)
@click.option("--metric", help="Name of the score in the file, if it has several.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with copies of published data sets, for files without the questions. Default: the Hugging Face hub.",
)
@json_option
def rescore(file: Path, benchmark: str, task: str | None, metric: str | None, data: Path | None, as_json: bool) -> None:
    """Score the predictions that lmms-eval or VLMEvalKit has logged.

    FILE has samples of lmms-eval (JSON Lines) or a table of VLMEvalKit (XLSX, TSV or JSON). Both scores are printed,
    and every prediction whose scores disagree: that of the file, the reference and the robust one.

    \b
    Example:
      pcult eval rescore 20261130_samples_xgqa_de.jsonl --benchmark xgqa
    """
    from evalsuite.benchmarks.registry import PUBLISHED
    from evalsuite.logs.rescore import Source
    from evalsuite.logs.rescore import rescore as run
    from pangea_cultural.errors import unknown

    if benchmark not in PUBLISHED:
        raise unknown("benchmark", benchmark, PUBLISHED)
    results = run(file, PUBLISHED[benchmark], Source(task=task, data=data), metric)
    if as_json:
        print_json(results)
    else:
        _print_scores(results)


def _print_scores(results: dict[str, Any]) -> None:
    from evalsuite.report import published
    from pangea_cultural.utils.console import results_console

    for table in published.summary({"model": results["file"], "benchmarks": [results]}):
        results_console().print(table)
    count = results["with_logged_score"]
    if count:
        click.echo(f"Score in the file: {100 * results['logged']:.2f} % of {count:,} predictions.")
    else:
        click.echo("The file has no score that can be told. Name one with --metric.")
    for reason, dropped in results["dropped"].items():
        click.echo(f"Not scored: {dropped:,} ({reason}).")
    disagreements = results["disagreements"]
    click.echo(f"Disagreements: {len(disagreements):,} of {results['questions']:,}.")
    for row in disagreements:
        scores = ", ".join(f"{name} {_score(row[name])}" for name in ("logged", "reference", "robust"))
        text = row["prediction"][:SHOWN_CHARACTERS]
        drawn = ", drawn at random by the reference" if row["guessed"] else ""
        # The form of Python has neither line breaks nor control characters.
        click.echo(f"{row['item']!r} ({row['language']}): {scores}{drawn}; {row['extracted']!r} in {text!r}")


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
