"""Speed and memory of reading a dump, compared with qwikidata and with the decompressors alone.

    python -m tests.perf.factory.dump_ingest --folder /tmp/dump --documents some-real-documents.json.bz2

The dump has the given documents (by default, those of the embedded sample) with other ids, so that about 5 % of its
lines are selected. qwikidata is installed into a separate environment in the folder. Every figure is of a whole
process: `pcult build` with its start and its writes to DuckDB. The commands take turns; figures are medians of the
rounds.
"""

import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import click
from isal import igzip

from factory.entities.sources import dump
from pangea_cultural.cli.memory_meter import PeakMemory
from tests.perf.support import record
from tests.perf.support.peers import environment

SELECTED = 0.05
LINKS = re.compile(rb'"(P17|P27|P495|P19|P2341|P2596)"')
STEPS = re.compile(rb'"(P30|P36|P37)"')
"""Claims of countries and cities. They are frequent in collections of documents, but rare among all items."""
RECIPE = """
name = "ingest"
languages = ["en"]
[[images.sources]]
type = "commons"
[network]
contact = "https://example.org"  # Commons is not asked before the stage `images`
[[sources]]
type = "dump"
path = "{path}"
"""
# The same task with qwikidata: read the items with a link to a region, with labels and claims.
QWIKIDATA = """
import sys
from qwikidata.entity import WikidataItem
from qwikidata.json_dump import WikidataJsonDump
regions = set(sys.argv[2].split(","))
found = rows = broken = 0
for content in WikidataJsonDump(sys.argv[1]):
    if content["type"] != "item":
        continue
    try:
        item = WikidataItem(content)
        groups = item.get_truthy_claim_groups()
        values = {c.mainsnak.datavalue.value["id"] for p in ("P17", "P27", "P495") if p in groups
                  for c in groups[p] if c.mainsnak.snaktype == "value"}
        if values & regions:
            found += 1
            rows += len(item.get_label()) + sum(len(group) for group in groups.values())
    except Exception:
        broken += 1  # it does not read documents from before 2019
print(found, broken)
"""


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For dumps, environments and stores.")
@click.option("--documents", type=click.Path(exists=True, path_type=Path), help="Dump whose documents are multiplied.")
@click.option("--lines", default=60_000, show_default=True, help="Of the dump that is timed.")
@click.option("--memory-lines", default=1_000_000, show_default=True, help="Of the largest dump, of short documents.")
@click.option("--rounds", default=3, show_default=True)
def main(folder: Path, documents: Path | None, lines: int, memory_lines: int, rounds: int) -> None:
    """Measure the dump source."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = _documents(documents)
    plain = folder / "dump.json"
    selected = _write(plain, sources, lines)
    size_mb = plain.stat().st_size / 1e6
    for program in ("gzip", "lbzip2"):
        subprocess.run([program, "-kf", str(plain)], check=True)
    click.echo(f"{lines} documents, {selected} of them linked to a region, {size_mb:.0f} MB")
    python = environment(folder / "qwikidata", "qwikidata")
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for suffix, bare in (("gz", ["gzip", "-dc"]), ("bz2", ["lbzip2", "-dc"])):
            path = folder / f"dump.json.{suffix}"
            for name, command in (
                ("pcult", _build(folder, path)),
                ("qwikidata", [str(python), "-c", QWIKIDATA, str(path), ",".join(_regions())]),
                (bare[0], [*bare, str(path)]),
            ):
                shutil.rmtree(folder / "workspace", ignore_errors=True)
                seconds.setdefault(f"{name} {suffix}", []).append(_timed(command))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    short = _documents(None)
    figures = {
        "entities_per_s_gz": lines / median["pcult gz"],
        "mb_per_s_gz": size_mb / median["pcult gz"],
        "mb_per_s_bz2": size_mb / median["pcult bz2"],
        "ratio_vs_qwikidata_gz": median["qwikidata gz"] / median["pcult gz"],
        "ratio_vs_qwikidata_bz2": median["qwikidata bz2"] / median["pcult bz2"],
        "ratio_vs_gzip": median["gzip gz"] / median["pcult gz"],
        "ratio_vs_lbzip2": median["lbzip2 bz2"] / median["pcult bz2"],
        "peak_gb_1k": _peak_gb(folder, short, 1000),
        "peak_gb_1m": _peak_gb(folder, short, memory_lines),
    }
    record.write("dump_ingest", figures, details={"seconds": seconds, "lines": lines, "memory_lines": memory_lines})


def _documents(path: Path | None) -> list[bytes]:
    if path is None:
        return resources.files("factory").joinpath("sample/entities.jsonl").read_bytes().splitlines()
    return [text for batch in dump.batches(path, lambda _: True) for _, text in batch.lines]


def _regions() -> list[str]:
    from pangea_cultural.reference.regions import regions

    return [item for row in regions().values() for item in row.items]


def _dump_lines(sources: list[bytes], lines: int) -> Iterator[tuple[bytes, bool]]:
    """Yield documents with new ids, and whether they keep their links to regions."""
    rng = random.Random(0)
    linked = [text for text in sources if LINKS.search(text)]
    unlinked = [STEPS.sub(rb'"P9999998"', LINKS.sub(rb'"P9999999"', text)) for text in sources]
    for number in range(lines):
        chosen = rng.random() < SELECTED
        text = rng.choice(linked if chosen else unlinked)
        yield re.sub(rb'"id":\s*"Q\d+"', b'"id":"Q%d"' % (10**9 + number), text, count=1), chosen


def _write(path: Path, sources: list[bytes], lines: int) -> int:
    """Write a dump and return the number of documents with links."""
    opened = igzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb")
    num_linked = 0
    with opened as stream:
        stream.write(b"[\n")
        for number, (text, chosen) in enumerate(_dump_lines(sources, lines), 1):
            stream.write(text + (b",\n" if number < lines else b"\n"))
            num_linked += chosen
        stream.write(b"]\n")
    return num_linked


def _build(folder: Path, path: Path) -> list[str]:
    recipe = folder / f"{path.name}.toml"
    recipe.write_text(RECIPE.format(path=path))
    command = [sys.executable, "-m", "pangea_cultural", "build", str(recipe), "--stage", "select", "--quiet", "--json"]
    return [*command, "--workspace", str(folder / "workspace")]


def _timed(command: list[str]) -> float:
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def _peak_gb(folder: Path, sources: list[bytes], lines: int) -> float:
    """Return the peak memory of all processes of a build, as the sum of proportional set sizes."""
    path = folder / "memory.json.gz"
    _write(path, sources, lines)
    shutil.rmtree(folder / "workspace", ignore_errors=True)
    with PeakMemory() as memory:
        done = subprocess.run(_build(folder, path), check=True, capture_output=True)
    assert json.loads(done.stdout)["entities"] > 0
    return memory.peak_bytes / 1e9


if __name__ == "__main__":
    main()
