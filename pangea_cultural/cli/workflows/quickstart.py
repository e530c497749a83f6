"""`pcult quickstart`: the commands that a user would type, one after the other, on the embedded sample."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from pangea_cultural.cli.options import json_option, quiet_option, workspace_option
from pangea_cultural.dataset.export import Export
from pangea_cultural.utils import child_process
from pangea_cultural.utils.console import Reporter, table
from pangea_cultural.workspace import Workspace

RECIPE = "tiny"
PACKAGES = ("pangea-cultural", "torch", "transformers", "lighteval", "duckdb", "gradio", "pillow")


@dataclass
class Walk:
    """The walk through the house: runs each step, says what it is, and remembers what came out."""

    workspace: Workspace
    reporter: Reporter
    seconds: dict[str, float] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def step(self, name: str, what: str, work: Callable[[], Any]) -> Any:
        """Run one step under a heading and take its time."""
        self.reporter.note(f"\n{len(self.seconds) + 1}. {what}")
        began = time.monotonic()
        result = work()
        self.seconds[name] = time.monotonic() - began
        return result

    def pcult(self, *arguments: object, as_json: bool = True) -> Any:
        """Run a `pcult` command in a process of its own, as a user would; gives what it prints as JSON."""
        words = [str(argument) for argument in arguments]
        self.commands.append(" ".join(["pcult", *words]))
        self.reporter.note(f"   $ {self.commands[-1]}")
        options = ["--json"] * as_json + ["--quiet"] * (self.reporter.quiet and as_json)
        command = child_process.command(sys.executable, "-m", "pangea_cultural", *words, *options)
        done = subprocess.run(command, stdout=subprocess.PIPE)
        if done.returncode != 0:
            # The command has said on stderr what is wrong and what to do: nothing to add.
            raise click.exceptions.Exit(done.returncode)
        return orjson.loads(done.stdout) if as_json else done.stdout.decode()


@click.command()
@workspace_option
@click.option("--seed", default=0, show_default=True, help="Seed of the data set, the training and the evaluation.")
@click.option("--steps", type=int, help="Training steps of the main stage; the recipe's where not given.")
@click.option("--recipe", default="sample", show_default=True, help="What to build: a recipe's name or TOML file.")
@click.option(
    "--live", is_flag=True, help="Build from Wikidata and Commons, over the network: short for --recipe live."
)
@click.option("--contact", envvar="PCULT_CONTACT", help="Your e-mail address or URL, which --live needs.")
@click.option("--limit", default=48, show_default=True, help="Questions asked in each language and kind.")
@json_option
@quiet_option
def quickstart(
    workspace: Path,
    seed: int,
    steps: int | None,
    recipe: str,
    live: bool,
    contact: str | None,
    limit: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run the whole pipeline on the embedded sample.

    Builds the data set, trains a tiny CulturalPangea from scratch, serves it through vLLM and evaluates it with
    lighteval. Nothing on the network is touched, no GPU and no model weights are needed. Run it again to go on where it
    was stopped. With --live the same stages build a few hundred entities of five regions from the live services.

    \b
    Example:
      pcult quickstart --workspace my-workspace
    """
    from pangea_cultural.cli.memory_meter import PeakMemory
    from pangea_cultural.utils.files import write_json

    place = Workspace.create(workspace)
    walk = Walk(place, Reporter(quiet=quiet))
    resumed = place.store.exists()
    with PeakMemory() as memory:
        build = Data("live" if live else recipe, contact)
        result = take(walk, build, seed=seed, steps=steps, limit=limit)
    result |= {
        "seed": seed,
        "seconds": walk.seconds | {"total": sum(walk.seconds.values())},
        "peak_memory_bytes": memory.peak_bytes,
        "resumed": resumed,
        "commands": walk.commands,
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}},
        "cores": os.cpu_count(),
    }
    write_json(place.root / "quickstart.json", result)
    if as_json:
        click.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    else:
        show(result, place)


@dataclass(frozen=True)
class Data:
    """What the walk builds, and asks about."""

    recipe: str
    contact: str | None

    @property
    def name(self) -> str:
        """Of the export: the recipe says it."""
        from factory import recipe
        from pangea_cultural import config

        return recipe.load(config.find("recipe", self.recipe, recipe.RECIPES)).name

    def command(self) -> tuple[str, ...]:
        """The build's words."""
        return ("build", self.recipe, *(("--contact", self.contact) if self.contact else ()))


def take(walk: Walk, data: Data, *, seed: int, steps: int | None, limit: int) -> dict[str, Any]:
    """Walk through all rooms of the house; gives the figures of the summary."""
    from serve.server import Server

    place = walk.workspace
    where = ("--workspace", place.root)
    name = data.name
    walk.step(
        "factory",
        "Factory: facts and images become questions in DuckDB",
        lambda: (
            walk.pcult(*data.command(), *where, "--seed", seed),
            walk.pcult("data", "general", place.exports / "general", "--seed", seed, as_json=False),
            walk.pcult("data", "check", place.exports / name, as_json=False),
        ),
    )
    extra = ("--data", name, *(() if steps is None else ("--steps", steps)))
    training = walk.step(
        "training",
        "Training: a tiny CulturalPangea from scratch",
        lambda: walk.pcult("train", RECIPE, *where, "--seed", seed, "--overwrite", *extra),
    )
    server = Server(place.checkpoints / RECIPE, log=place.logs / "vllm.log", reporter=walk.reporter)
    walk.commands.append(f"pcult serve {place.checkpoints / RECIPE} --port {server.port}")
    with contextlib.ExitStack() as stack:
        walk.step("serving", "Serving: vLLM with an OpenAI-compatible API", lambda: stack.enter_context(server))
        asked = ("eval", "--endpoint", server.url, "--tasks", "export", "--data", name, *where)
        results = walk.step(
            "evaluation",
            "Evaluation: lighteval, with and without looking at the images",
            lambda: walk.pcult(*asked, "--limit", limit, "--seed", seed, *_splits(place.exports / name)),
        )
    report = walk.step("report", "Report", lambda: walk.pcult("report", results["run"], as_json=False))
    return {
        "data": name,
        "accuracy": accuracies(results["figures"]),
        "figures": results["figures"],
        "statements": results["statements"],
        "questions_trained": {stage["stage"]: stage["questions"] for stage in training["stages"]},
        "weights_sha256": training["weights_sha256"],
        "report": report.strip().removeprefix("Report: "),
    }


def _splits(export: Path) -> list[str]:
    """The splits to evaluate: only some data sets have images from an unseen source."""
    questions = Export.open(export).manifest["questions"]
    return [word for split in ("test", "unseen") if questions[split] for word in ("--split", split)]


# What the summary shows: name, and which figure it is.
SUMMARY = (
    ("trained languages", {"split": "test", "group": "trained", "subset": "all"}),
    ("unseen drawings, trained languages", {"split": "unseen", "group": "trained", "subset": "all"}),
    ("held-out languages", {"split": "test", "group": "held-out", "subset": "all"}),
    ("  answer also in a trained language", {"split": "test", "group": "held-out", "subset": "shared"}),
    ("  novel answer", {"split": "test", "group": "held-out", "subset": "novel"}),
)


def accuracies(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the summary: accuracies with the image and blind, of each kind of question."""
    rows = []
    for name, wanted in SUMMARY:
        row: dict[str, Any] = {"name": name}
        for question_type in ("choice", "open"):
            keys = wanted | {"question_type": question_type, "language": "*"}
            found = next((f for f in figures if all(f[key] == value for key, value in keys.items())), None)
            for condition in ("image", "blind"):
                row[f"{question_type}_{condition}"] = found[condition]["accuracy"] if found else None
                row[f"{question_type}_n"] = found["image"]["n"] if found else 0
        rows.append(row)
    return rows


def show(result: dict[str, Any], place: Workspace) -> None:
    """Print the summary, and what to try next."""
    columns = ["in percent", "questions", "4-way choice", "blind", "exact match", "blind"]
    keys = ("choice_image", "choice_blind", "open_image", "open_blind")
    rows = [[row["name"], row["choice_n"], *[_percent(row[key]) for key in keys]] for row in result["accuracy"]]
    console = Console()
    console.print()
    console.print(table("What the tiny CulturalPangea has learnt", columns, rows))
    console.print("Blind: asked with another entity's image. 4-way choice: 25 by chance.", style="dim")
    for sentence in result["statements"]:
        console.print(f"- {sentence}", style="dim", highlight=False)
    seconds = ", ".join(f"{name} {value:.0f}" for name, value in result["seconds"].items())
    console.print(f"\nSeconds: {seconds}. Peak memory: {result['peak_memory_bytes'] / 1e9:.1f} GB.", highlight=False)
    console.print(f"Report: {result['report']}\n\nTry next:", highlight=False, soft_wrap=True)
    for command in (
        f"pcult demo --workspace {place.root}" + (f" --data {result['data']}" if result["data"] != "sample" else ""),
        f"pcult data show {_example(place.exports / result['data'])} --workspace {place.root}",
        f"pcult serve {place.checkpoints / RECIPE}",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True)


def _example(export: Path) -> str:
    """An entity to look at."""
    return str(Export.open(export).table("test")["entity"][0])


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
