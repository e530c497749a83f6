"""Validation loss of questions that share their image, compared with separate rows.

    python -m tests.perf.training.train_quality --workspace /tmp/quality --seeds 0,1,2

Trains the shipped recipe `tiny` on the embedded sample with both packings, for each seed: the same questions in the
same steps. The figures are validation losses at the end of the last stage, over trained and held-out languages.
`max_difference` is the largest difference between the packings of a seed. `seed_spread` is the smaller of the two
ranges over the seeds. Runs of a seed differ only by rounding, which grows step by step.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from pangea_cultural import config
from pangea_cultural.training.recipe import RECIPES, Recipe
from pangea_cultural.utils.files import read_json
from tests.perf.support import record

PACKINGS = ("shared", "rows")


@click.command()
@click.option("--workspace", type=click.Path(path_type=Path), required=True, help="Data and checkpoints; kept.")
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--steps", type=int, help="Fewer of them in the last stage.")
def main(workspace: Path, seeds: str, steps: int | None) -> None:
    """Train and compare."""
    if not (workspace / "exports/sample").is_dir():
        pcult("build", "sample", "--workspace", str(workspace))
        pcult("data", "synthetic-chat", str(workspace / "exports/general"))
    chosen = [int(seed) for seed in seeds.split(",")]
    runs = {packing: [train(workspace, packing, seed, steps) for seed in chosen] for packing in PACKINGS}
    losses = {packing: [run["validation"]["loss"] for run in repeats] for packing, repeats in runs.items()}
    record.write("train_quality", figures(losses), details={"seeds": chosen, "runs": runs})
    click.echo(markdown(chosen, runs))


def pcult(*arguments: str) -> None:
    """Run a `pcult` command and ignore its output."""
    subprocess.run([sys.executable, "-m", "pangea_cultural", *arguments], check=True, stdout=subprocess.DEVNULL)


def train(workspace: Path, packing: str, seed: int, steps: int | None) -> dict[str, Any]:
    """Train once and return the last validation, the number of questions and the seconds."""
    name = f"quality-{packing}-{seed}"
    path = workspace / f"{name}.toml"
    path.write_text(recipe(name, packing))
    assert config.load(Recipe, path).stages[-1].batch.packing == packing
    options = ["--steps", str(steps)] if steps else []
    pcult("train", str(path), "--workspace", str(workspace), "--seed", str(seed), *options)
    stage = read_json(workspace / "checkpoints" / name / "training.json")["stages"][-1]
    validation = {key: stage["validation"][-1][key] for key in ("step", "loss", "by_language")}
    return {"validation": validation} | {key: stage[key] for key in ("questions", "tokens", "seconds")}


def recipe(name: str, packing: str) -> str:
    """Return the shipped recipe with another name, and another packing in its last stage."""
    text = config.find("recipe", "tiny", RECIPES).read_text("utf-8").replace('name = "tiny"', f'name = "{name}"', 1)
    before, table, after = text.rpartition("[stages.batch]\n")
    return f'{before}{table}packing = "{packing}"\n{after}'


def figures(losses: dict[str, list[float]]) -> dict[str, float]:
    """Return the figures of the benchmark."""
    means = {f"val_loss_{packing}": sum(values) / len(values) for packing, values in losses.items()}
    spread = min(max(values) - min(values) for values in losses.values())
    difference = max(abs(a - b) for a, b in zip(*losses.values(), strict=True))
    return means | {"seed_spread": spread, "max_difference": difference}


def markdown(seeds: list[int], runs: dict[str, list[dict[str, Any]]]) -> str:
    """Print the losses of all languages and of each, with a column per seed and packing."""
    columns = [(seed, packing, runs[packing][index]) for index, seed in enumerate(seeds) for packing in PACKINGS]
    lines = [["validation loss", *(f"seed {seed}, {packing}" for seed, packing, _ in columns)]]
    lines.append(["---"] * len(lines[0]))
    lines.append(["all", *(f"{run['validation']['loss']:.4f}" for *_, run in columns)])
    for code in columns[0][2]["validation"]["by_language"]:
        lines.append([code, *(f"{run['validation']['by_language'][code]:.4f}" for *_, run in columns)])
    lines.append(["tokens, millions", *(f"{run['tokens'] / 1e6:.2f}" for *_, run in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
