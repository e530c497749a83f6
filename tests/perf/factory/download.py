"""Downloads the same images with the stage `images` and with img2dataset, from one server with one limit.

    python -m tests.perf.factory.download --folder /tmp/download

The server has a latency of 20 ms, and both may use 8 connections. Both decode every image and keep the original bytes
with their SHA-256: img2dataset with `resize_mode=no`, `skip_reencode`. The project's side is `pcult build --stage
images` with one photo property per entity; its time includes the requests to the API. The server measures seconds from
the first request to the last response, so that the start of Python does not count. Then every tenth request fails, by
seed, and the missing images are counted: with img2dataset's default (no retries), and with as many tries as `pcult`.
"""

import functools
import hashlib
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import orjson

from factory.net.retry import RetryPolicy
from tests.helpers import world
from tests.helpers.servers.commons_server import CommonsServer, File
from tests.perf.support import record
from tests.perf.support.images import jpeg
from tests.perf.support.peers import environment

CONNECTIONS = 8
LATENCY_S = 0.02
FAULT_SHARE = 0.1
NUM_BASES = 40
FIRST_ID = 9_000_000_000
"""Above the ids of Wikidata: regions among those are not selected."""
RECIPE = """
name = "download"
languages = ["en"]
properties = ["P17"]
[[sources]]
type = "dump"
path = "dump.json"
[images]
max_per_entity = 1
[[images.sources]]
type = "commons"
api = "{api}"
[network]
private_hosts = ["127.0.0.1"]
[network.limits."127.0.0.1"]
connections = {connections}
[network.retry]
base_s = 0.5
"""


class Images:
    """JPEG files of 100 to 200 kB: copies of a few, with different densities in their headers."""

    def __init__(self, number: int, seed: int) -> None:
        self.files = [File(title=f"{n}.jpg") for n in range(number)]
        self._bases = [jpeg(random.Random(f"{seed} {n}")) for n in range(NUM_BASES)]

    def __call__(self, file: File, width: int) -> bytes:
        number = int(file.title.removesuffix(".jpg"))
        base = self._bases[number % NUM_BASES]
        # The density of JFIF does not change the pixels, and the normalization keeps it.
        return base[:14] + struct.pack(">I", 0x10001 + number) + base[18:]

    def hashes(self) -> set[str]:
        """Return the SHA-256 of every image."""
        return {hashlib.sha256(self(file, 960)).hexdigest() for file in self.files}

    def mean_kb(self) -> float:
        """Return the mean size in bytes."""
        return statistics.mean(map(len, self._bases)) / 1000


def span_s(server: CommonsServer) -> float:
    """Return the seconds from the first request to the last response."""
    return server.last_answer - server.requests[0][3]


def pcult(server: CommonsServer, images: Images, folder: Path) -> set[str]:
    """Build up to the images and return the SHA-256 of each file."""
    folder.mkdir(parents=True)
    claims = {"P17": [world.item("Q17")]}
    documents = [
        {"id": f"Q{FIRST_ID + n}", "type": "item", "labels": {}, "claims": claims | {"P18": [world.text(file.title)]}}
        for n, file in enumerate(images.files)
    ]
    (folder / "dump.json").write_bytes(b"\n".join(map(orjson.dumps, documents)))
    (folder / "recipe.toml").write_text(RECIPE.format(api=server.api, connections=CONNECTIONS))
    command = [sys.executable, "-m", "pangea_cultural", "build", str(folder / "recipe.toml"), "--stage", "images"]
    _run([*command, "--workspace", str(folder / "workspace"), "--quiet"])
    return {_sha256(path) for path in folder.glob("workspace/images/*/*")}


def img2dataset(server: CommonsServer, images: Images, folder: Path, program: Path, retries: int = 0) -> set[str]:
    """Download the same files with img2dataset and return the SHA-256 of each."""
    folder.mkdir(parents=True)
    urls = [f"{server.thumbnail(file, 960)}\n" for file in images.files]
    (folder / "urls.txt").write_text("".join(urls))
    settings = {
        "url_list": folder / "urls.txt",
        "output_folder": folder / "images",
        "output_format": "files",
        "resize_mode": "no",
        "skip_reencode": True,
        "extract_exif": False,
        "compute_hash": "sha256",
        "processes_count": 1,
        "thread_count": CONNECTIONS,
        "retries": retries,
    }
    _run([str(program), *(f"--{key}={value}" for key, value in settings.items())])
    return {_sha256(path) for path in folder.glob("images/*/*.jpg")}


def _run(command: list[str]) -> None:
    # Albumentations, which img2dataset imports, asks the network for its newest version.
    environment = os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode:
        raise click.ClickException(f"{' '.join(command)}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure(name: str, images: Images, folder: Path, fault_share: float, download: Callable) -> dict:
    """Run one download in a new folder from a new server."""
    shutil.rmtree(folder / name, ignore_errors=True)
    wanted = images.hashes()
    start = time.monotonic()
    with CommonsServer(images.files, content=images, latency_s=LATENCY_S, fault_share=fault_share, seed=1) as server:
        hashes = download(server, images, folder / name)
        result = {
            "seconds": span_s(server),
            "seconds_with_start": time.monotonic() - start,
            "lost": len(wanted - hashes),
            "wrong": len(hashes - wanted),
            "requests": len(server.requests),
            "connections": max(server.most_at_once.values()),
        }
    click.echo(f"{name}: {result}", err=True)
    return result


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For downloads and img2dataset's venv.")
@click.option("--files", default=2000, show_default=True)
@click.option("--repeat", default=3, show_default=True, help="Rounds of the run without faults; the medians count.")
def main(folder: Path, files: int, repeat: int) -> None:
    """Measure downloads."""
    program = environment(folder.resolve() / "venv", "img2dataset").with_name("img2dataset")
    default = functools.partial(img2dataset, program=program)
    images = Images(files, seed=0)
    with_retries = functools.partial(default, retries=RetryPolicy().tries - 1)
    without_faults: dict[str, list[dict]] = {"pcult": [], "img2dataset": []}
    for _ in range(repeat):
        without_faults["pcult"].append(measure("pcult", images, folder / "runs", 0, pcult))
        without_faults["img2dataset"].append(measure("img2dataset", images, folder / "runs", 0, default))
    with_faults = {
        "pcult": measure("pcult", images, folder / "runs", FAULT_SHARE, pcult),
        "img2dataset": measure("img2dataset", images, folder / "runs", FAULT_SHARE, default),
        "img2dataset, retries": measure("img2dataset", images, folder / "runs", FAULT_SHARE, with_retries),
    }
    seconds = {name: statistics.median(run["seconds"] for run in runs) for name, runs in without_faults.items()}
    figures = {
        "ratio_vs_img2dataset": seconds["img2dataset"] / seconds["pcult"],
        "lost_ours": with_faults["pcult"]["lost"],
        "lost_img2dataset": with_faults["img2dataset"]["lost"],
        "lost_img2dataset_with_retries": with_faults["img2dataset, retries"]["lost"],
    }
    runs = {"without_faults": without_faults, "with_faults": with_faults}
    details = {"files": files, "mean_kb": images.mean_kb(), "runs": runs}
    record.write("download", figures, details=details)
    click.echo(markdown(details, seconds))


def markdown(details: dict, seconds: dict[str, float]) -> str:
    """Print the figures as a table."""
    lines = ["| | files/s | lost of 10 % faults | seconds with faults |", "|---|---|---|---|"]
    for name, run in details["runs"]["with_faults"].items():
        speed = f"{details['files'] / seconds[name]:.0f}" if name in seconds else "-"
        lines.append(f"| {name} | {speed} | {run['lost']} | {run['seconds']:.0f} |")
    return "\n".join([f"{details['files']} files of {details['mean_kb']:.0f} kB", "", *lines])


if __name__ == "__main__":
    main()
