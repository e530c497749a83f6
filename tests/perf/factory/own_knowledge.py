"""Memory and speed of own knowledge: a CSV file of 10,000 and of 1,000,000 rows.

    python -m tests.perf.factory.own_knowledge --folder /tmp/own

Each entity has ten rows: an image, three names, texts in three languages, an item, a year, and a row that is rejected.
`entities` checks, sorts and groups them, as the stage `select` does. `images` reads the rows about images, as the stage
`images` does; it does not read the files. Each runs in a process of its own: its peak memory and processor time are
measured.
"""

import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from factory.entities.sources.knowledge import KnowledgeSource
from factory.images.sources.knowledge import KnowledgeImages
from factory.recipe import load
from pangea_cultural.reference import own_tables
from tests.factory.knowledge import dishes
from tests.perf.support import process, record

SIZES = {"10k": 10_000, "1m": 1_000_000}
EACH = 10
"""Rows of an entity."""


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For the files; 200 MB.")
@click.option("--one", hidden=True, help="Measure PART:SIZE in this process.")
def main(folder: Path, one: str | None) -> None:
    """Read a small and a large file of own knowledge."""
    if one:
        part, _, size = one.partition(":")
        began = time.process_time()
        rows = PARTS[part](folder / size / "recipe.toml")
        print(rows, time.process_time() - began)
        return
    figures: dict[str, float] = {}
    for size, number in SIZES.items():
        if not (folder / size).is_dir():
            recipe = dishes.write(folder / size, number=0)
            dishes.write_csv(recipe.with_name("dishes.csv"), rows_of(number // EACH))
        for part in PARTS:
            output = folder / f"{size}-{part}.txt"
            command = [sys.executable, "-m", "tests.perf.factory.own_knowledge", "--folder", str(folder)]
            with output.open("w") as file:
                peak = process.peak_gb([*command, "--one", f"{part}:{size}"], stdout=file)
            rows, seconds = map(float, output.read_text().split())
            figures |= {f"{part}_peak_gb_{size}": peak, f"{part}_rows_per_s_{size}": rows / seconds}
    record.write("own_knowledge", figures)


def rows_of(entities: int) -> Iterator[dict[str, str]]:
    """Yield the rows of entities."""
    for n in range(entities):
        told = {"entity": f"dish_{n}", "source": f"Interview {n % 100}", "license": "CC0-1.0"}
        terms = {"author": "A. Cook", "source": "own photo", "license": "CC BY 4.0"}
        image = f"photos/{n % 1000:03d}/dish_{n}.png"
        yield {"entity": f"dish_{n}", "image": image, "type": "food", "region": "mexico", **terms}
        for code, word, meal in zip(dishes.LANGUAGES, ("Dish", "Plato", "طبق"), dishes.MEALS[n % 5], strict=True):
            yield told | {"relation": "name", "value": f"{word} {n}", "language": code}
            yield told | {"relation": "eaten_at", "value": f"{meal} {n % 300}", "language": code}
        yield told | {"relation": "main_part", "value": f"part_{n % 500}"}
        yield told | {"relation": "since", "value": str(1500 + n % 500)}
        yield told | {"relation": "since", "value": "long ago"}


def entities(path: Path) -> int:
    """Read all entities, and return the number of rows."""
    recipe = load(path)
    with own_tables.using(recipe.tables.read()):
        source = KnowledgeSource(recipe.sources, "own", recipe.scope)  # type: ignore[arg-type]
        used = rejected = 0
        for batch in source.batches(lambda _: True):
            used += sum(len(own.origins) for own in batch.own)
            rejected += len(batch.rejections)
    return used + rejected


def images(path: Path) -> int:
    """Read the rows about images, and return the number of all rows."""
    recipe = load(path)
    with KnowledgeImages(recipe.sources) as source:  # type: ignore[arg-type]
        assert source.metadata(["Own/photos/001/dish_1.png"])
    with (path.with_name("dishes.csv")).open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


PARTS = {"entities": entities, "images": images}

if __name__ == "__main__":
    main()
