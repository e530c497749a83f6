"""Quickstart with several seeds, each in a new workspace.

    python -m tests.perf.quickstart --seeds 0,1,2 --repeat 0 --workspaces /tmp/quickstart

Prints a Markdown table for tests/perf/README.md and writes results/quickstart.json. `--repeat SEED` runs a seed again
and compares the bytes of the export, the weights and all figures.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click

from pangea_cultural.utils.files import read_json, sha256_file
from tests.perf.support import record

QUESTION_TYPES = (("choice", "4-way choice"), ("open", "exact match"))


@click.command()
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--repeat", type=int, help="Seed to run a second time, for comparison.")
@click.option("--workspaces", type=click.Path(path_type=Path), required=True, help="Folder for the workspaces.")
def main(seeds: str, repeat: int | None, workspaces: Path) -> None:
    """Measure the quickstart."""
    results = {seed: run(workspaces / f"seed-{seed}", int(seed)) for seed in seeds.split(",")}
    details: dict = {"runs": results}
    if repeat is not None:
        again = run(workspaces / f"seed-{repeat}-again", repeat)
        details["repeated"] = compare(results[str(repeat)], again)
    record.write("quickstart", figures(list(results.values())), details=details)
    click.echo(markdown(details))


def run(workspace: Path, seed: int) -> dict:
    """Run one quickstart in a new workspace."""
    shutil.rmtree(workspace, ignore_errors=True)
    command = [sys.executable, "-m", "pangea_cultural", "quickstart", "--workspace", str(workspace), "--quiet"]
    subprocess.run([*command, "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL)
    result = read_json(workspace / "quickstart.json")
    keys = ("seed", "accuracy", "seconds", "peak_memory_bytes", "cores", "weights_sha256", "versions")
    export = workspace / "exports/sample"
    files = {path.name: sha256_file(path) for path in sorted(export.glob("*.*"))}
    return {key: result[key] for key in keys} | {"export_sha256": files}


def figures(runs: list[dict]) -> dict[str, float]:
    """Return the largest figures of all runs, because the documents name upper limits."""
    return {
        "seconds_total": max(run["seconds"]["total"] for run in runs),
        "seconds_factory": max(run["seconds"]["factory"] for run in runs),
        "peak_gb": max(run["peak_memory_bytes"] for run in runs) / 1e9,
    }


def compare(first: dict, second: dict) -> dict[str, bool]:
    """Return the results that are equal in two runs of a seed."""
    return {key: first[key] == second[key] for key in ("export_sha256", "weights_sha256", "accuracy")}


def markdown(details: dict) -> str:
    """Return a table: a row per question type and group, a column per seed, blind and control scores in brackets."""
    runs = list(details["runs"].values())
    head = ["percent (blind, control)", *[f"seed {run['seed']}" for run in runs]]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for question_type, title in QUESTION_TYPES:
        for row, name in enumerate(entry["name"].strip() for entry in runs[0]["accuracy"]):
            cells = [_cell(run["accuracy"][row], question_type) for run in runs]
            lines.append(" | ".join([f"{title}, {name}", *cells]))
    for key in ("factory", "training", "serving", "evaluation", "total"):
        lines.append(" | ".join([f"{key}, s", *[f"{run['seconds'][key]:.0f}" for run in runs]]))
    lines.append(" | ".join(["peak memory, GB", *[f"{run['peak_memory_bytes'] / 1e9:.1f}" for run in runs]]))
    text = "\n".join(f"| {line} |" for line in lines)
    return f"{text}\n\nrepeated: {json.dumps(details.get('repeated'))}"


def _cell(scores: dict, question_type: str) -> str:
    image, blind, control = (percent(scores[f"{question_type}_{name}"]) for name in ("image", "blind", "control"))
    return f"{image} ({blind}, {control})"


def percent(value: float | None) -> str:
    """Return an accuracy in percent."""
    return "-" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    main()
