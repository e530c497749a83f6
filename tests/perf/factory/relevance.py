"""Precision and recall of a tiny relevance model, and the speed of the stage `relevance`.

    python -m tests.perf.factory.relevance --workspace /tmp/quickstart

The workspace is that of `pcult quickstart`, with the checkpoint `tiny`. Writes yes/no questions with planted
mismatches, trains `tiny-relevance` on them, serves it and calibrates it on images of each split. Then the stage asks
about the other images of the sample, which gives `pairs_per_s`.
"""

import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import click
import orjson

from pangea_cultural.cli import serving
from pangea_cultural.workspace import Workspace
from tests.perf.support import record

SPLITS = ("train", "test", "unseen")
THRESHOLD = 0.6
COUNTS = ("pairs", "right_pairs", "entities", "failed")
TABLE = """
[relevance]
endpoints = ["{url}"]
model = "{model}"
threshold = {threshold}
"""


@click.command()
@click.option("--workspace", type=click.Path(path_type=Path), required=True, help="Workspace of a quickstart.")
@click.option("--trained", is_flag=True, help="The workspace has the checkpoint of an earlier run.")
@click.option("--planted", default=400, show_default=True, help="Images of each split to calibrate on.")
def main(workspace: Path, trained: bool, planted: int) -> None:
    """Train, serve and calibrate."""
    if not trained:
        pcult(workspace, "data", "relevance", "chat", workspace / "exports/relevance")
        pcult(workspace, "train", "tiny-relevance")
    with serving.serve(workspace / "checkpoints/tiny-relevance", Workspace(workspace), quiet=True) as served:
        recipe = write_recipe(workspace, served)
        results = {split: calibrate(workspace, recipe, split, planted) for split in SPLITS}
        pcult(workspace, "build", recipe, "--stage", "relevance")
    stages = orjson.loads(pcult(workspace, "data", "stats", "--json"))["stages"]
    stage = next(stage for stage in stages if stage["stage"] == "relevance")
    asked = sum(result["right_pairs"] for result in results.values())
    figures = {"pairs_per_s": (stage["kept"] - asked) / stage["seconds"]}
    for split, result in results.items():
        point = next(point for point in result["thresholds"] if point["threshold"] == THRESHOLD)
        figures |= {f"auc_{split}": result["auc"]}
        figures |= {f"{name}_{split}": point[name] for name in ("precision", "recall")}
    counts = {split: {key: result[key] for key in COUNTS} for split, result in results.items()}
    record.write("relevance", figures, details=counts)


def pcult(workspace: Path, *arguments: object) -> bytes:
    """Run a `pcult` command in the workspace and return its output."""
    command = [sys.executable, "-m", "pangea_cultural", *map(str, arguments), "--workspace", str(workspace)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def write_recipe(workspace: Path, served: serving.ServedModel) -> Path:
    """Write the recipe of the sample with a table for the served model; return its path."""
    folder = Path(str(resources.files("factory")))
    text = (folder / "recipes/sample.toml").read_text("utf-8").replace("../sample", str(folder / "sample"))
    path = workspace / "sample-relevance.toml"
    path.write_text(text + TABLE.format(url=served.url, model=served.model, threshold=THRESHOLD), "utf-8")
    return path


def calibrate(workspace: Path, recipe: Path, split: str, planted: int) -> dict[str, Any]:
    """Return the figures of a calibration on planted mismatches."""
    options = ("--planted", planted, "--split", split, "--out", workspace / "relevance" / split, "--json")
    return orjson.loads(pcult(workspace, "data", "relevance", "calibrate", recipe, *options))


if __name__ == "__main__":
    main()
