"""Growth of time and store with the number of entities, from 1,000 to 1,000,000.

    python -m tests.perf.factory.store_growth --folder /tmp/growth

Every entity is selected, and has a few claims and labels in two languages. tests/perf/factory/fill.py has the
questions. A slope of 1 in the doubly logarithmic fit means that ten times the entities cost ten times as much.
"""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import click
import orjson
from isal import igzip

from factory.store.store import Store
from tests.helpers.world import COUNTRIES, GERMAN, item, labels, text, year
from tests.perf.support import record

RECIPE = """
name = "growth"
languages = ["en", "de"]
properties = ["P17", "P571", "P84", "label"]
[[sources]]
type = "dump"
path = "dump.json.gz"
[[images.sources]]
type = "commons"
[network]
contact = "https://example.org"  # Commons is not asked before the stage `images`
"""
STAGES = ("select",)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--sizes", default="1000,10000,100000,1000000", show_default=True)
def main(folder: Path, sizes: str) -> None:
    """Measure growth."""
    runs = {int(size): _run(folder, int(size)) for size in sizes.split(",")}
    names = (*STAGES, "store_mb")
    figures = {f"slope_{name}": _slope({n: run[name] for n, run in runs.items()}) for name in names}
    figures |= {f"{name}_at_most": value for name, value in runs[max(runs)].items()}
    record.write("store_growth", figures, details={"runs": {str(size): run for size, run in runs.items()}})


def _run(folder: Path, size: int) -> dict[str, float]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with igzip.open(folder / "dump.json.gz", "wb", compresslevel=1) as stream:
        for document in _documents(size):
            stream.write(orjson.dumps(document) + b"\n")
    (folder / "recipe.toml").write_text(RECIPE)
    command = [
        sys.executable,
        "-m",
        "pangea_cultural",
        "build",
        str(folder / "recipe.toml"),
        "--quiet",
        "--stage",
        "select",
    ]
    subprocess.run([*command, "--workspace", str(folder)], check=True, stdout=subprocess.DEVNULL)
    with Store.open(folder / "store.duckdb", read_only=True) as store:
        seconds = dict(store.rows("SELECT name, seconds FROM stage"))
    return {name: seconds[name] for name in STAGES} | {"store_mb": (folder / "store.duckdb").stat().st_size / 1e6}


def _documents(size: int):
    countries = list(COUNTRIES)
    for name in countries:
        claims = {"P31": [item("Q6256")]}
        yield {"type": "item", "id": name, "labels": labels(en=COUNTRIES[name], de=GERMAN[name]), "claims": claims}
    for number in range(1000):
        yield {"type": "item", "id": f"Q{7000 + number}", "labels": labels(en=f"Architect {number}"), "claims": {}}
    for number in range(size):
        claims = {
            "P31": [item("Q23413")],
            "P17": [item(countries[number % len(countries)])],
            "P571": [year(1000 + number % 1000)],
            "P84": [item(f"Q{7000 + number % 1000}")],
            "P18": [text("Castle.jpg")],
        }
        names = labels(en=f"Castle {number}", de=f"Schloss {number}")
        yield {"type": "item", "id": f"Q{10**6 + number}", "labels": names, "claims": claims}


def _slope(values: dict[int, float]) -> float:
    """Return the slope of the least-squares line through the logarithms; fixed costs make it flatter."""
    points = [(math.log(n), math.log(value)) for n, value in values.items() if value > 0]
    mean_x, mean_y = (sum(part) / len(points) for part in zip(*points, strict=True))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


if __name__ == "__main__":
    main()
