"""Gain of prefix caching: several questions about each image, with and without the cache.

    python -m tests.perf.serve.prefix_cache --folder /tmp/serve

An image comes before its question, so that the tokens of the image are computed once. The cache of decoded images is on
in both runs.
"""

import random
import subprocess
import sys
from pathlib import Path

import click
import orjson

from serve.server import Server
from tests.perf.serve import clients
from tests.perf.support import record

UNCACHED = ("--no-enable-prefix-caching",)
SETTINGS: dict[str, tuple[str, ...]] = {"without": UNCACHED, "with": ()}


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For a checkpoint and logs.")
@click.option("--images", default=40, show_default=True)
@click.option("--questions", default=8, show_default=True, help="Questions about each image.")
@click.option("--rounds", default=2, show_default=True, help="Starts of each server, in turn.")
def main(folder: Path, images: int, questions: int, rounds: int) -> None:
    """Ask the same questions with and without the cache."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "moderate"
    if not checkpoint.is_dir():
        subprocess.run([sys.executable, "-m", "tests.perf.support.moderate_model", str(checkpoint)], check=True)
    seconds: dict[str, list[float]] = {name: [] for name in SETTINGS}
    order = [*SETTINGS, *reversed(SETTINGS)] * rounds
    for name in order[: 2 * rounds]:
        with Server(checkpoint, log=folder / f"prefix-{name}.log", flags=SETTINGS[name]) as server:
            outcome = clients.ask(server.url, repeated(server.model, images, questions), clients=16, headers={})
        assert outcome.lost == 0, "a lost request takes no time"
        seconds[name].append(outcome.seconds)
    best = {name: min(values) for name, values in seconds.items()}
    number = images * questions
    figures = {f"questions/s, {name} the cache": number / value for name, value in best.items()}
    record.write("prefix_cache", figures | {"speed-up": best["without"] / best["with"]}, details={"seconds": seconds})


def repeated(model: str, images: int, questions: int) -> list[bytes]:
    """Return questions about images in random order, several about each."""
    made = []
    for body in clients.bodies(model, images):
        fields = orjson.loads(body)
        for number in range(questions):
            fields["messages"][0]["content"][1]["text"] = f"Question {number}: what is shown here?"
            made.append(orjson.dumps(fields))
    random.Random(0).shuffle(made)
    return made


if __name__ == "__main__":
    main()
