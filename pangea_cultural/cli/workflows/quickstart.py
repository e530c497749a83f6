"""`pcult quickstart`: the pipeline's commands in order, on the embedded sample."""

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.cli.workflows.runner import WorkflowRunner
from pangea_cultural.dataset.export import Export
from pangea_cultural.utils.console import Reporter
from pangea_cultural.utils.environment import versions
from pangea_cultural.workspace import Workspace

RECIPE = "tiny"
PACKAGES = ("pangea-cultural", "torch", "transformers", "lighteval", "duckdb", "gradio", "pillow")
"""Packages whose versions are recorded."""


@click.command()
@workspace_option
@click.option("--seed", default=0, show_default=True, help="Seed of the data set, the training and the evaluation.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Training steps of the last stage, and the most of the first one. Default: those of the recipe.",
)
@click.option("--recipe", default="sample", show_default=True, help="Recipe of the data set: a name or a TOML file.")
@click.option(
    "--live", is_flag=True, help="Build from Wikidata and Commons over the network; the same as --recipe live."
)
@click.option("--contact", envvar="PCULT_CONTACT", help="Your e-mail address or URL, required by --live.")
@click.option(
    "--max-questions",
    default=32,
    show_default=True,
    type=click.IntRange(min=1),
    help="Maximum number of questions per language and question type in the evaluation.",
)
@json_option
@quiet_option
def quickstart(
    workspace: Workspace,
    seed: int,
    steps: int | None,
    recipe: str,
    live: bool,
    contact: str | None,
    max_questions: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run the whole pipeline on the embedded sample.

    Builds the data set, trains a tiny CulturalPangea from scratch, serves it through vLLM and evaluates it with
    lighteval. Needs no network, no GPU and no model weights. If it is interrupted, run the same command again to
    resume. With --live, the data set is a few hundred entities of five regions from the live services.

    \b
    Example:
      pcult quickstart --workspace my-workspace
    """
    from pangea_cultural.cli.memory_meter import PeakMemory
    from pangea_cultural.utils.files import write_json

    workspace.create()
    runner = WorkflowRunner(workspace, Reporter(quiet=quiet))
    resumed = workspace.store.exists()
    build = ("live" if live else recipe, *(("--contact", contact) if contact else ()))
    with PeakMemory() as memory:
        result = run_pipeline(runner, build, seed=seed, steps=steps, max_questions=max_questions)
    result |= {
        "seed": seed,
        "seconds": runner.seconds | {"total": sum(runner.seconds.values())},
        "peak_memory_bytes": memory.peak_bytes,
        "resumed": resumed,
        "commands": runner.commands,
        "versions": {"python": platform.python_version()} | versions(PACKAGES),
        "cores": os.cpu_count(),
    }
    write_json(workspace.root / "quickstart.json", result)
    if as_json:
        print_json(result)
    else:
        print_summary(result, workspace)


def run_pipeline(
    runner: WorkflowRunner, build: tuple[str, ...], *, seed: int, steps: int | None, max_questions: int
) -> dict[str, Any]:
    """Build, train, serve and evaluate, which writes the report; return the content of the summary.

    Args:
        runner: runs the commands.
        build: arguments of `pcult build`: the recipe and its options.
        seed: seed of every command.
        steps: training steps of the last stage, and the most of earlier ones; None for those of the recipe.
        max_questions: maximum number of questions per language and question type in the evaluation.
    """
    workspace = runner.workspace
    common = ("--workspace", workspace.root, "--seed", seed)
    export: Path = runner.step(
        "factory",
        "Factory: facts and images become questions in DuckDB",
        lambda: _build(runner, build, seed),
    )
    overrides = ("--data", export.name, *(() if steps is None else ("--steps", steps)))
    training = runner.step(
        "training",
        "Training: a tiny CulturalPangea from scratch",
        lambda: runner.pcult("train", RECIPE, *common, "--overwrite", *overrides),
    )
    with contextlib.ExitStack() as stack:
        url = runner.step(
            "serving",
            "Serving: vLLM with an OpenAI-compatible API",
            lambda: stack.enter_context(runner.serve(workspace.checkpoints / RECIPE)),
        )
        evaluation = runner.step(
            "evaluation",
            "Evaluation: lighteval, with the right image and with another one, and the report",
            lambda: runner.pcult(
                *("eval", "--endpoint", url, "--tasks", "export", "--export", export.name, *common),
                *("--max-questions", max_questions, *_splits(export)),
            ),
        )
    return {
        "data": export.name,
        "accuracy": summary_rows(evaluation["figures"]),
        "figures": evaluation["figures"],
        "statements": evaluation["statements"],
        "questions_trained": {stage["stage"]: stage["questions"] for stage in training["stages"]},
        "weights_sha256": training["weights_sha256"],
        "report": evaluation["report"],
    }


def _build(runner: WorkflowRunner, build: tuple[str, ...], seed: int) -> Path:
    """Build and check the data sets; return the folder of the export."""
    workspace = runner.workspace
    export = Path(runner.pcult("build", *build, "--workspace", workspace.root, "--seed", seed)["export"])
    runner.pcult("data", "synthetic-chat", workspace.exports / "general", "--seed", seed, as_json=False)
    runner.pcult("data", "check", export, as_json=False)
    return export


def _splits(export: Path) -> list[str]:
    """Return the options for the splits to evaluate; not every export has unseen images."""
    questions = Export.open(export).manifest["questions"]
    return [word for split in ("test", "unseen") if questions[split] for word in ("--split", split)]


SUMMARY = (
    ("trained languages", {"split": "test", "group": "trained", "subset": "all"}),
    ("unseen images, trained languages", {"split": "unseen", "group": "trained", "subset": "all"}),
    ("held-out languages", {"split": "test", "group": "held-out", "subset": "all"}),
    ("  answer also in a trained language", {"split": "test", "group": "held-out", "subset": "shared"}),
    ("  novel answer", {"split": "test", "group": "held-out", "subset": "novel"}),
)
"""Rows of the summary: name, and the figure that is shown."""


def summary_rows(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the summary: accuracies with the image and under controls, for both question types."""
    rows = []
    for name, wanted in SUMMARY:
        row: dict[str, Any] = {"name": name}
        for question_type in ("choice", "open"):
            keys = wanted | {"question_type": question_type, "language": "*"}
            figure = next((f for f in figures if all(f[key] == value for key, value in keys.items())), None)
            for condition in ("image", "blind"):
                row[f"{question_type}_{condition}"] = figure[condition]["accuracy"] if figure else None
                row[f"{question_type}_n"] = figure["image"]["n"] if figure else 0
            row[f"{question_type}_control"] = _strongest_control(figure) if figure else None
        rows.append(row)
    return rows


def _strongest_control(figure: dict[str, Any]) -> float | None:
    strongest = figure.get("strongest")
    accuracy: float | None = figure[strongest["control"]]["accuracy"] if strongest else None
    return accuracy


def print_summary(result: dict[str, Any], workspace: Workspace) -> None:
    """Print accuracies, times and commands to try next."""
    columns = ["in percent", "questions", "4-way choice", "blind", "control", "exact match", "blind", "control"]
    keys = ("choice_image", "choice_blind", "choice_control", "open_image", "open_blind", "open_control")
    rows = [[row["name"], row["choice_n"], *[_percent(row[key]) for key in keys]] for row in result["accuracy"]]
    console = Console()
    console.print()
    print_table("Accuracy of the tiny CulturalPangea", columns, rows)
    console.print("Blind: asked with the image of another entity. 4-way choice: 25 by chance.", style="dim")
    console.print(
        "Control: the strongest of blind, gray image, no image, most frequent answer and text guesser.", style="dim"
    )
    for sentence in result["statements"]:
        console.print(f"- {sentence}", style="dim", highlight=False, markup=False)
    seconds = ", ".join(f"{name} {value:.0f}" for name, value in result["seconds"].items())
    console.print(f"\nSeconds: {seconds}. Peak memory: {result['peak_memory_bytes'] / 1e9:.1f} GB.", highlight=False)
    console.print(f"Report: {result['report']}\n\nTry next:", highlight=False, markup=False, soft_wrap=True)
    export = workspace.exports / result["data"]
    entity = Export.open(export).table("test")["entity"][0]
    for command in (
        f"pcult demo --workspace {workspace.root}" + (f" --data {export.name}" if export.name != "sample" else ""),
        f"pcult data show {entity} --workspace {workspace.root}",
        f"pcult serve {workspace.checkpoints / RECIPE}",
    ):
        console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
