"""`pcult quickstart`: the commands that a user would type, one after the other, on the embedded sample."""

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
from pangea_cultural.console import Reporter, table
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
        child = subprocess.run([sys.executable, "-m", "pangea_cultural", *words, *options], stdout=subprocess.PIPE)
        if child.returncode != 0:
            # The command has said on stderr what is wrong and what to do: nothing to add.
            raise click.exceptions.Exit(child.returncode)
        return orjson.loads(child.stdout) if as_json else child.stdout.decode()


@click.command()
@workspace_option
@click.option("--seed", default=0, show_default=True, help="Seed of the data set, the training and the evaluation.")
@click.option("--steps", type=int, help="Training steps of the main stage; the recipe's where not given.")
@click.option("--limit", default=64, show_default=True, help="Questions asked in each language and kind.")
@json_option
@quiet_option
def quickstart(workspace: Path, seed: int, steps: int | None, limit: int, as_json: bool, quiet: bool) -> None:
    """Run the whole pipeline on the embedded sample.

    Builds the data set, trains a tiny CulturalPangea from scratch, serves it through vLLM and evaluates it with
    lighteval. Nothing on the network is touched, no GPU and no model weights are needed. Run it again to go on where it
    was stopped.

    \b
    Example:
      pcult quickstart --workspace my-workspace
    """
    from pangea_cultural.cli.meter import PeakMemory
    from pangea_cultural.files import write_json

    place = Workspace.create(workspace)
    walk = Walk(place, Reporter(quiet=quiet))
    resumed = place.store.exists()
    with PeakMemory() as memory:
        result = take(walk, seed=seed, steps=steps, limit=limit)
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
